"""`cordboard history` and `cordboard restore`: the versions of the configuration, and the way back to one."""

from __future__ import annotations

from cli.channel import Json
from cli.question import parser, run
from cli.table import table

RESTORE_S = 300.0


def history(arguments: list[str]) -> int:
    """`cordboard history`."""
    made = parser("history", "Versions of the configuration, the newest first.")
    made.add_argument("--limit", type=int, default=50, help="this many at the most (50)")
    options = made.parse_args(arguments)
    return run(options, lambda channel, given: channel.get("configuration", "versions", limit=given.limit), _rows)


def restore(arguments: list[str]) -> int:
    """`cordboard restore`."""
    made = parser("restore", "Bring the configuration of an earlier version back, as a new version.")
    made.add_argument("version", type=int, help="its number in `cordboard history`")
    made.add_argument("--dry-run", action="store_true", help="change nothing, say how much would change")
    options = made.parse_args(arguments)
    return run(
        options,
        lambda channel, given: channel.post(
            "configuration", "restore", version=given.version, dry_run="true" if given.dry_run else "false"
        ),
        _restored,
        timeout_s=RESTORE_S,
    )


def _rows(found: Json) -> str:
    rows = found["versions"]
    if not rows:
        return "nothing was configured yet"
    return table(
        ("version", "at", "by", "what", ""),
        [
            (
                str(row["version"]),
                row["at"][:19].replace("T", " "),
                row["by"],
                row["summary"],
                "" if row["restorable"] else "too old to be restored",
            )
            for row in rows
        ],
    )


def _restored(found: Json) -> str:
    counts = ", ".join(f"{found[word]} {word}" for word in ("added", "changed", "deleted") if found[word])
    if not counts:
        return "nothing changes: this is how it is"
    return f"would be {counts}" if found["dry_run"] else f"{counts}: version {found['version']}"

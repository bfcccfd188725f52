"""`cordboard calls`: the calls of this moment, or the last ones that ended."""

from __future__ import annotations

from cli.channel import Json
from cli.question import parser, run
from cli.table import duration, table


def calls(arguments: list[str]) -> int:
    """`cordboard calls`."""
    made = parser("calls", "Calls, the newest first.")
    made.add_argument("--ended", action="store_true", help="those that are over, instead of those that are up")
    made.add_argument("--tenant", help="of this tenant only")
    made.add_argument("--limit", type=int, default=50, help="this many at the most (50)")
    options = made.parse_args(arguments)
    state = "ended" if options.ended else "live"
    return run(
        options,
        lambda channel, given: channel.get("calls", state=state, tenant=given.tenant, limit=given.limit),
        _ended if options.ended else _live,
    )


def _live(found: Json) -> str:
    rows = found["items"]
    if not rows:
        return "no calls"
    text = table(
        ("call", "tenant", "from", "to", "state", "for", "legs"),
        [
            (
                row["id"],
                row["tenant"],
                row["from"],
                row["to"],
                row["state"],
                duration(row["seconds"]),
                ", ".join(_leg(leg) for leg in row["legs"] if leg["state"] != "down"),
            )
            for row in rows
        ],
    )
    more = found["total"] - len(rows)
    return text if more <= 0 else f"{text}\n... of {found['total']} calls"


def _leg(leg: Json) -> str:
    who = leg["number"] or leg["device"] or leg["trunk"] or leg["kind"]
    by = f" by {leg['trunk']}" if leg["trunk"] and leg["trunk"] != who else ""
    return f"{who}{by} {leg['state']}" + (f" {leg['codec']}" if leg["codec"] else "")


def _ended(found: Json) -> str:
    rows = found["items"]
    if not rows:
        return "no call has ended yet"
    return table(
        ("call", "tenant", "from", "to", "began", "talked", "result", "reason", "by"),
        [
            (
                row["id"],
                row["tenant"],
                row["from"],
                row["to"],
                row["since"][:19].replace("T", " "),
                duration(row["talk_seconds"]),
                row["result"],
                row["reason"],
                row["hangup_party"],
            )
            for row in rows
        ],
    )

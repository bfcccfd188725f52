"""`cordboard registrations`: which phones are registered, and from where."""

from __future__ import annotations

from cli.channel import Json
from cli.question import parser, run
from cli.table import duration, table


def registrations(arguments: list[str]) -> int:
    """`cordboard registrations`."""
    made = parser("registrations", "Phones that are registered.")
    made.add_argument("--tenant", help="of this tenant only")
    made.add_argument("--device", help="of this device only")
    made.add_argument("--limit", type=int, default=100, help="this many at the most (100)")
    options = made.parse_args(arguments)
    return run(
        options,
        lambda channel, given: channel.get(
            "registrations", tenant=given.tenant, device=given.device, limit=given.limit
        ),
        _rows,
    )


def _rows(found: Json) -> str:
    rows = found["items"]
    if not rows:
        return "no phone is registered" if not found["total"] else f"none of these (of {found['total']})"
    text = table(
        ("tenant", "device", "contact", "comes from", "by", "expires in", "phone"),
        [
            (
                row["tenant"],
                row["device"],
                row["contact"],
                row["received"] + (" (NAT)" if row["behind_nat"] else ""),
                row["transport"],
                duration(max(0, row["expires_s"])),
                row["user_agent"],
            )
            for row in rows
        ],
    )
    return text if len(rows) >= found["total"] else f"{text}\n... of {found['total']} registrations"

"""`cordboard conferences`: who is in which room; members are muted, heard again, put out."""

from __future__ import annotations

import argparse

from cli.channel import Channel, Json
from cli.question import parser, run
from cli.table import duration, table

_CHANGES: dict[str, Json] = {
    "mute": {"muted": True},
    "unmute": {"muted": False},
    "deafen": {"deaf": True},
    "undeafen": {"deaf": False},
}


def conferences(arguments: list[str]) -> int:
    """`cordboard conferences`."""
    made = parser("conferences", "Conferences that somebody is in; or do something to a member of one.")
    made.add_argument("action", nargs="?", default="list", choices=("list", *_CHANGES, "gain", "kick"))
    made.add_argument("room", nargs="?", help="the room of the member")
    made.add_argument("leg", nargs="?", help="id of the member's leg")
    made.add_argument("gain", nargs="?", type=float, help="dB, for `gain`")
    made.add_argument("--tenant", help="of this tenant only; needed to do something")
    options = made.parse_args(arguments)
    if options.action == "list":
        return run(options, lambda channel, given: channel.get("conferences", tenant=given.tenant), _rooms)
    if not (options.tenant and options.room and options.leg) or (options.action == "gain") != (
        options.gain is not None
    ):
        made.error(f"give --tenant KEY {options.action} ROOM LEG" + (" DB" if options.action == "gain" else ""))
    return run(options, _act, _done)


def _act(channel: Channel, given: argparse.Namespace) -> Json:
    place = ("tenants", given.tenant, "conferences", given.room, "members", given.leg)
    if given.action == "kick":
        return channel.delete(*place)
    return channel.patch(*place, body=_CHANGES.get(given.action) or {"gain_db": given.gain})


def _done(found: Json) -> str:
    if not found:
        return "put out"
    return f"{_who(found)}: " + (_state(found) or "heard and hearing")


def _rooms(found: Json) -> str:
    rows = found["items"]
    if not rows:
        return "nobody is in a conference"
    return table(
        ("tenant", "room", "member", "leg", "for", "state"),
        [
            (room["tenant"], room["room"], _who(one), one["leg"], duration(one["seconds"]), _state(one))
            for room in rows
            for one in room["members"]
        ],
    )


def _who(member: Json) -> str:
    return str(member["number"] or member["device"] or member["trunk"] or "")


def _state(member: Json) -> str:
    words = [name for name in ("talking", "muted", "deaf") if member[name]]
    return ", ".join([*words, *([f"{member['gain_db']:+g} dB"] if member["gain_db"] else [])])

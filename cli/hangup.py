"""`cordboard hangup CALL`: end a call."""

from __future__ import annotations

from cli.channel import Json
from cli.question import parser, run


def hangup(arguments: list[str]) -> int:
    """`cordboard hangup`."""
    made = parser("hangup", "End a call, with reason supervisor_release.")
    made.add_argument("call", help="id of the call, the beginning of one, or `last`")
    return run(made.parse_args(arguments), lambda channel, given: channel.post("calls", given.call, "hangup"), _told)


def _told(found: Json) -> str:
    return f"call {found['id']} " + ("has ended" if found["state"] == "ended" else "is being ended")

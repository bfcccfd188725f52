"""A conference room: answer, talk, and leave."""

from __future__ import annotations

from pbx.conference import RoomFull, RoomRules
from pbx.control import CallControl
from pbx.destination import ConferenceDestination
from pbx.reasons import Reason


async def join_conference(control: CallControl, destination: ConferenceDestination) -> None:
    """Let the caller in; it is told where the room is full, and when it is put out."""
    control.routed("conference", destination.room, control.call.called)
    control.answer_for_mixing()
    rules = RoomRules(
        max_members=destination.max_members, quiet=destination.quiet, moh_when_alone=destination.moh_when_alone
    )
    try:
        await control.join_room(destination.room, rules)
    except RoomFull:
        await control.play("conf-full")
        raise control.finish(Reason.BLOCKED_LIMIT) from None
    await control.play("conf-removed")
    raise control.finish(Reason.SUPERVISOR_RELEASE)

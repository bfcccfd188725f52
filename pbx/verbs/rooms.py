"""Rooms: a leg in a conference, from its coming to its going."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.event import Talking
from pbx.inbox import MediaSignal

if TYPE_CHECKING:
    from pbx.conference import RoomRules
    from pbx.leg import Leg
    from pbx.session import Session


async def join_room(session: Session, leg: Leg, name: str, rules: RoomRules) -> bool:
    """Let a leg hear and be heard in a room of its tenant until it is put out (True). Raises RoomFull, LegGone."""
    node = session.node
    rooms = node.conferences
    room = rooms.room(node, session.call.tenant, name, rules)
    member = room.join(leg, session.connect)
    session.checkpoint("conference", room=name)
    try:
        while not member.removed:
            signal = await session.next()
            session.need(leg)
            if isinstance(signal, MediaSignal) and isinstance(signal.event, Talking):
                member.talking = signal.event.talking
        return True
    finally:
        room.leave(member)
        rooms.ended(room)

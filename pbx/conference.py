"""Conference: a room of several legs, an actor of its own that names legs and belongs to no call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from media.mix_state import GAINS_DB, Mix
from pbx import mixing
from pbx.events import ConferenceJoined, ConferenceLeft, ConferenceMemberChanged
from pbx.inbox import Nudge

if TYPE_CHECKING:
    from pbx.leg import Leg
    from pbx.node import Node

_FIRST_ROOM: Final = 1 << 40
"""Rooms of pairs have the number of a port: they stay below."""
NARROW_HZ, WIDE_HZ = 8000, 16000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRules:
    """How a room is run; those of the first member's call hold while the room lasts."""

    max_members: int = 20
    quiet: bool = False
    moh_when_alone: bool = True


class RoomFull(Exception):
    """The room has as many members as it may have."""


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A leg in a room. `connect` puts the state of its port."""

    leg: Leg
    connect: Callable[[Leg], None]
    since: float
    muted: bool = False
    deaf: bool = False
    gain_db: float = 0.0
    talking: bool = False
    removed: bool = False


class Conference:
    """One room with somebody in it. Only the room writes `leg.mix` of its members."""

    def __init__(self, node: Node, tenant: str, name: str, number: int, rules: RoomRules) -> None:
        self._node = node
        self.tenant = tenant
        self.name = name
        self.rules = rules
        self.since = node.clock.now()
        self.members: dict[str, Member] = {}
        """By leg id, in the order in which they came."""
        self._number = number
        self._rate_hz = NARROW_HZ
        self._sounds = count(1)

    def join(self, leg: Leg, connect: Callable[[Leg], None]) -> Member:
        """Take a leg in. Raises RoomFull."""
        if len(self.members) >= self.rules.max_members:
            raise RoomFull(self.name)
        member = Member(leg=leg, connect=connect, since=self._node.clock.now())
        self.members[leg.id] = member
        self._refresh(member)
        self._signal("join")
        self._node.journal.emit(
            ConferenceJoined(
                call=leg.call_id, leg=leg.id, tenant=self.tenant, room=self.name, members=len(self.members)
            )
        )
        return member

    def leave(self, member: Member) -> None:
        """A leg leaves; one that is still up hears nobody until its call goes on."""
        leg = member.leg
        if self.members.pop(leg.id, None) is None:
            return
        leg.mix = None
        if not leg.down:
            leg.player = None
            member.connect(leg)
        self._refresh()
        if self.members:
            self._signal("leave")
        self._node.journal.emit(
            ConferenceLeft(
                call=leg.call_id,
                leg=leg.id,
                tenant=self.tenant,
                room=self.name,
                members=len(self.members),
                removed=member.removed,
            )
        )

    def change(
        self, member: Member, *, muted: bool | None = None, deaf: bool | None = None, gain_db: float | None = None
    ) -> None:
        """Mute a member, make it deaf, louder or softer; None leaves it. Raises ValueError for an impossible gain."""
        if gain_db is not None and not GAINS_DB[0] <= gain_db <= GAINS_DB[1]:
            raise ValueError(f"a gain of {gain_db} dB; give {GAINS_DB[0]} to {GAINS_DB[1]}")
        member.muted = member.muted if muted is None else muted
        member.deaf = member.deaf if deaf is None else deaf
        member.gain_db = member.gain_db if gain_db is None else gain_db
        self._put(member)
        leg = member.leg
        self._node.journal.emit(
            ConferenceMemberChanged(
                call=leg.call_id,
                leg=leg.id,
                tenant=self.tenant,
                room=self.name,
                muted=member.muted,
                deaf=member.deaf,
                gain_db=member.gain_db,
            )
        )

    def remove(self, member: Member) -> None:
        """Put a member out; its call hears of it."""
        if not member.removed:
            member.removed = True
            leg = member.leg
            leg.owner.post(Nudge(leg, leg.generation))

    def _refresh(self, new: Member | None = None) -> None:
        """Somebody came or went: the rate and the music follow, and those ports whose state changes by it."""
        wide = any(mixing.is_wide(member.leg.agreement) for member in self.members.values())
        rate_hz = WIDE_HZ if wide else NARROW_HZ
        changed, self._rate_hz = rate_hz != self._rate_hz, rate_hz
        alone = len(self.members) == 1 and self.rules.moh_when_alone
        for member in self.members.values():
            leg = member.leg
            music = leg.player is not None
            if alone and not music:
                leg.player = self._node.sounds.music(leg.agreement)
            elif not alone and music:
                leg.player = None
            if changed or member is new or music != (leg.player is not None):
                self._put(member)

    def _put(self, member: Member) -> None:
        leg = member.leg
        if leg.down:
            return  # Its own call has not looked yet; it leaves in a moment.
        leg.mix = Mix(
            room=self._number,
            rate_hz=self._rate_hz,
            gain_db=member.gain_db,
            muted=member.muted,
            deaf=member.deaf,
            conference=True,
        )
        member.connect(leg)

    def _signal(self, name: str) -> None:
        """Let everybody hear that somebody came or went."""
        if self.rules.quiet:
            return
        sound = self._node.sounds.room_sound(name, self._rate_hz, next(self._sounds))
        if sound is not None:
            self._node.media.play_in_room(self._number, [sound])


class Conferences:
    """All rooms of a node that have somebody in them, by tenant and name."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[str, str], Conference] = {}
        self._numbers = count(_FIRST_ROOM)

    def room(self, node: Node, tenant: str, name: str, rules: RoomRules) -> Conference:
        """The room of that name; a new one where nobody is in it."""
        found = self._rooms.get((tenant, name))
        if found is None:
            found = self._rooms[tenant, name] = Conference(node, tenant, name, self.new_number(), rules)
        return found

    def new_number(self) -> int:
        """The number of a room in the mixer that no other room has, or ever had."""
        return next(self._numbers)

    def ended(self, room: Conference) -> None:
        """A room that nobody is in any more is gone."""
        if not room.members and self._rooms.get((room.tenant, room.name)) is room:
            del self._rooms[room.tenant, room.name]

    def find(self, tenant: str, name: str) -> Conference | None:
        """A room with somebody in it."""
        return self._rooms.get((tenant, name))

    def all(self) -> list[Conference]:
        """Every room, the oldest first."""
        return list(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

"""Events of conferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceJoined(Event):
    """A leg came into a room; `members` counts it."""

    code: ClassVar[int] = 50
    type: ClassVar[str] = "conference.joined"

    call: str
    leg: str
    tenant: str
    room: str
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceLeft(Event):
    """A leg left a room, where `members` stay; with the last one the room ends. `removed`: it was put out."""

    code: ClassVar[int] = 51
    type: ClassVar[str] = "conference.left"

    call: str
    leg: str
    tenant: str
    room: str
    members: int
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceMemberChanged(Event):
    """Somebody muted a member, made it deaf or louder, or took that back."""

    code: ClassVar[int] = 52
    type: ClassVar[str] = "conference.changed"

    call: str
    leg: str
    tenant: str
    room: str
    muted: bool
    deaf: bool
    gain_db: float

"""What all events share: the base class, the envelope, the unknown event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class EventError(ValueError):
    """Bytes are not an event, or an event holds something that cannot be written."""


class Event:
    """One fact the system states. Subclasses are frozen, slotted, keyword-only dataclasses.

    `code` is the number in the log, `type` the name outside; both are for ever. A field is only ever
    appended, with a default, so that older logs stay readable.
    """

    __slots__ = ()
    code: ClassVar[int]
    type: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Event):
    """An event of a newer version: its number and raw field values."""

    code: ClassVar[int] = 0
    type: ClassVar[str] = "unknown"

    number: int
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event in the log: `seq` is node-wide and gapless, `at_ns` UTC nanoseconds since 1970."""

    seq: int
    at_ns: int
    event: Event

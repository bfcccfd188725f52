"""Inbox: what reaches a session, one message at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.event import MediaEvent
    from pbx.leg import Leg
    from sip.events import Event


@dataclass(frozen=True, slots=True)
class SipSignal:
    """A SIP event of a leg. One with an old `generation` is for a former owner, and dropped."""

    leg: Leg
    generation: int
    event: Event


@dataclass(frozen=True, slots=True)
class MediaSignal:
    """A media event of a leg's port."""

    leg: Leg
    generation: int
    event: MediaEvent


DigitSource: TypeAlias = Literal["rtp", "info"]


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """A leg's far end pressed a key and no other leg was there to hear it.

    It is kept in `leg.digits.pressed` as well, where the verb that collects takes it from: this only wakes the verb.
    """

    leg: Leg
    generation: int
    digit: str
    duration_ms: int
    source: DigitSource


@dataclass(frozen=True, slots=True)
class LegOffered:
    """Another session gives a leg away; `generation` is the one that `adopt` makes current."""

    leg: Leg
    generation: int


@dataclass(frozen=True, slots=True)
class HangUpOrder:
    """Somebody outside the call (an administrator, the shutdown) ends it."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordingOrder:
    """Somebody outside the call begins, pauses or ends its recording; `done` gets what `pbx.recorder` says to it."""

    action: str
    by: str
    done: asyncio.Future[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Nudge:
    """Something that the verb of a leg waits for has come about elsewhere: this only wakes it."""

    leg: Leg
    generation: int


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that somebody outside the call wants done between two signals; `act` raises nothing."""

    act: Callable[[], None]


Signal = SipSignal | MediaSignal | DigitPressed | Nudge | LegOffered | HangUpOrder | RecordingOrder | Errand

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue with one reader, which may wait until a time on the loop's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[T] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def post(self, item: T) -> None:
        self._items.append(item)
        self.wake()

    async def get(self, deadline: float | None = None) -> T | None:
        """The next item, or None when `deadline` (in the loop's time) has come, or somebody called `wake`."""
        items = self._items
        if items:
            return items.popleft()
        if deadline is not None and deadline <= self._loop.time():
            return None
        self._waiter = self._loop.create_future()
        handle = None if deadline is None else self._loop.call_at(deadline, self.wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if handle is not None:
                handle.cancel()
        return items.popleft() if items else None

    def wake(self) -> None:
        """Let the reader look up, though there may be nothing for it: it gets None then."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

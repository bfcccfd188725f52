"""Journal: the way of every event of this node into the spool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pbx.clock import Clock
from pbx.events import Event


class EventWriter(Protocol):
    """Where events go: `pbx.spool.SpoolWriter`."""

    @property
    def full(self) -> bool: ...
    def append(self, event: Event, at_ns: int) -> int: ...
    def flush(self) -> bool: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Journal:
    """Emits typed events. They are buffered until `flush`, which the node calls once per step."""

    def __init__(self, writer: EventWriter, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._watchers: dict[type[Event], Callable[[Any], None]] = {}

    def watch(self, watchers: Mapping[type[Event], Callable[[Any], None]]) -> None:
        """Show every event of some kinds to one watcher each; it must not raise."""
        self._watchers |= watchers

    def emit(self, event: Event) -> None:
        self._writer.append(event, self._clock.wall_ns())
        watcher = self._watchers.get(event.__class__)
        if watcher is not None:
            watcher(event)

    @property
    def full(self) -> bool:
        """The disk is full: new calls are refused before records are lost."""
        return self._writer.full

    def flush(self) -> None:
        self._writer.flush()

    def sync(self) -> None:
        self._writer.sync()

    def close(self) -> None:
        self._writer.close()

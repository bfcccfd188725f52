"""A journal that keeps its events in memory, and the call records that follow from them."""

from __future__ import annotations

from pbx.cdr import CallFold, Cdr
from pbx.clock import Clock
from pbx.events import Envelope, Event, encode
from pbx.journal import Journal


class MemoryWriter:
    """Fits where a spool writer goes; every event must be encodable."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.disk_full = False

    def append(self, event: Event, at_ns: int) -> int:
        encode(event, len(self.envelopes) + 1, at_ns)
        self.envelopes.append(Envelope(len(self.envelopes) + 1, at_ns, event))
        return len(self.envelopes)

    def flush(self) -> bool:
        return True

    def sync(self) -> None:
        return

    def close(self) -> None:
        return

    @property
    def full(self) -> bool:
        return self.disk_full


class MemoryJournal(Journal):
    """A journal over a `MemoryWriter`."""

    def __init__(self, clock: Clock) -> None:
        self.memory = MemoryWriter()
        super().__init__(self.memory, clock)

    def events(self, kind: type[Event] | None = None) -> list[Event]:
        return [one.event for one in self.memory.envelopes if kind is None or isinstance(one.event, kind)]

    def records(self) -> list[Cdr]:
        """Every finished call, in the order of their ends."""
        folds: dict[str, CallFold] = {}
        for envelope in self.memory.envelopes:
            call = getattr(envelope.event, "call", None)
            if call is None:
                continue
            if call not in folds:
                folds[call] = CallFold(call, envelope)
            folds[call].apply(envelope)
        return [fold.cdr() for fold in folds.values() if fold.finished]

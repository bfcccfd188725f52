"""Wrong tokens: counted, slowed down and told in the log, each address for itself."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_ADDRESSES = 10_000
FREE = 5
"""So many wrong tokens of an address are answered at once."""
STEP_S, MOST_S = 0.25, 2.0
FORGET_S = 600.0
TELL_S = 60.0
MOST_WAITING = 200
"""Answers that may be held back at the same time; beyond, 429 at once."""


@dataclass(slots=True)
class _Record:
    count: int = 0
    last: float = 0.0
    told: float = float("-inf")
    untold: int = 0


class WrongTokens:
    """What came from where; bounded, the address that was silent the longest is forgotten first."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self.total = 0
        self.waiting = 0
        self.most_waiting = MOST_WAITING

    def note(self, address: str, now: float) -> tuple[float, int]:
        """Count one: how long to hold the answer back, and how many to tell of in the log now (0: none)."""
        self.total += 1
        record = self._records.pop(address, None)
        if record is None or now - record.last > FORGET_S:
            record = _Record()
        self._records[address] = record
        while len(self._records) > MOST_ADDRESSES:
            self._records.popitem(last=False)
        record.count += 1
        record.untold += 1
        record.last = now
        wait_s = min(MOST_S, STEP_S * max(0, record.count - FREE))
        if now - record.told < TELL_S:
            return wait_s, 0
        told, record.untold, record.told = record.untold, 0, now
        return wait_s, told

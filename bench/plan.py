"""Plan: how long, how often and where a benchmark run measures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`seconds` overrides the length that a work chooses by itself; `deadline` is monotonic."""

    rounds: int
    seconds: float | None
    quick: bool
    folder: Path
    deadline: float
    peers: bool = True

    def length_s(self, full_s: float, quick_s: float) -> float:
        """How long a round of a work takes."""
        if self.seconds is not None:
            return self.seconds
        return quick_s if self.quick else full_s

    def another_round(self, done: int, longest_s: float) -> bool:
        """Whether to measure once more: the first always, the others while there is time."""
        return done == 0 or (done < self.rounds and time.monotonic() + longest_s < self.deadline)

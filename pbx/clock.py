"""Clock: the two times of the server, passed in wherever one is needed."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds, the loop's own; timers use nothing else."""
        ...

    def wall_ns(self) -> int:
        """UTC in nanoseconds since 1970; records use nothing else."""
        ...


class SystemClock:
    """The machine's clocks. `now` agrees with the event loop's time."""

    def now(self) -> float:
        return time.monotonic()

    def wall_ns(self) -> int:
        return time.time_ns()

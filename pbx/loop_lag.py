"""Loop lag: how late the event loop wakes who asked to be woken; the first sign of overload."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable

PERIOD_S = 0.1
WINDOW_S = 10.0
_SAMPLES = round(WINDOW_S / PERIOD_S)

BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Upper bounds of `LoopLag.buckets`, in seconds; one bucket more holds what is above the last."""


class LoopLag:
    """Asks the loop to wake it every 100 ms and measures how late it does. `now` is monotonic, in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self.last_s = 0.0
        """The latest measurement; a loop that is stuck at this moment tells it when it is free again."""
        self.worst_s = 0.0
        """The worst since the start."""
        self.total_s = 0.0
        """The sum of all measurements since the start."""
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        """How many measurements since the start fell below each of `BOUNDS_S` and above the one before."""
        self._loop = loop
        self._now = now
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._now() + PERIOD_S
        self._timer = self._loop.call_later(PERIOD_S, self._woken)

    def stop(self) -> None:
        """Measure no more; what was measured stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def p99_s(self) -> float:
        """99 of 100 measurements of the last 10 s were not above this; 0 before the first."""
        samples = sorted(self._samples)
        return samples[(99 * len(samples) - 1) // 100] if samples else 0.0

    def _woken(self) -> None:
        # A loop that counts whole milliseconds may be a moment early.
        lag_s = max(0.0, self._now() - self._due)
        self.last_s = lag_s
        self.total_s += lag_s
        self.worst_s = max(self.worst_s, lag_s)
        self.buckets[bisect_left(BOUNDS_S, lag_s)] += 1
        self._samples.append(lag_s)
        self.start()

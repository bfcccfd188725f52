"""Loop lag: how late the event loop wakes who asked to be woken; the first sign of overload."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from pbx.histogram import Histogram

PERIOD_S = 0.1
WINDOW_S = 10.0
_SAMPLES = round(WINDOW_S / PERIOD_S)
_RECENT = round(1.0 / PERIOD_S)


class LoopLag:
    """Asks the loop to wake it every 100 ms and measures how late it does. `now` is monotonic, in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self.last_s = 0.0
        """The latest measurement; a loop that is stuck at this moment tells it when it is free again."""
        self.worst_s = 0.0
        """The worst since the start."""
        self.histogram = Histogram(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
        """All measurements since the start, in seconds."""
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

    @property
    def recent_s(self) -> float:
        """The mean over the last second: one late moment says little, a loop that is always late has too much to do."""
        count = min(len(self._samples), _RECENT)
        return sum(self._samples[-place] for place in range(1, count + 1)) / count if count else 0.0

    def _woken(self) -> None:
        # A loop that counts whole milliseconds may be a moment early.
        lag_s = max(0.0, self._now() - self._due)
        self.last_s = lag_s
        self.worst_s = max(self.worst_s, lag_s)
        self.histogram.add(lag_s)
        self._samples.append(lag_s)
        self.start()

"""Delay: how long a stream should wait before it is played, learnt from how early its packets are there."""

from __future__ import annotations

import math
from typing import Final

from media.mix.splice import SHORTEST_MS

TICK_MS: Final = 20
MARGIN_MS: Final = 5.0
"""A packet shall be there so long before the tick that needs it; more after some came late."""
MOST_MARGIN_MS: Final = 60.0
LATE_MARGIN_MS: Final = 5.0
WINDOW: Final = 100
"""Packets over which the tightest is looked for; two windows count, so that a delay is not given up too soon."""
_NEVER: Final = 1e9


class DelayGauge:
    """Says how much delay is to be added (`stretch_ms`) or may be taken away (`cut_ms`); the playout does it.

    Whole ticks, so that afterwards packets and ticks begin together as before, and most need not be taken apart.
    A tick is all or nothing: a packet that is `ahead_ms` of the playing, and came `early_ms` (0..20) before the tick,
    is needed in `ahead_ms // 20` ticks from that one.
    """

    def __init__(self) -> None:
        self.stretch_ms = self.cut_ms = 0.0
        self._margin_ms = MARGIN_MS
        self._tight_ms = self._earlier_tight_ms = self._spare_ms = self._earlier_spare_ms = _NEVER
        self._seen = 0

    def moving(self) -> bool:
        """Whether the delay is to be changed."""
        return self.stretch_ms > 0.0 or self.cut_ms > 0.0

    def arrived(self, ahead_ms: float, early_ms: float) -> None:
        """A packet came in time, or only just not."""
        tight_ms = early_ms + TICK_MS * math.floor(ahead_ms / TICK_MS)
        short_ms = self._margin_ms - early_ms
        spare_ms = ahead_ms if short_ms <= 0.0 else ahead_ms - TICK_MS * math.ceil(short_ms / TICK_MS)
        if tight_ms < self._tight_ms:
            self._tight_ms = tight_ms
        if spare_ms < self._spare_ms:
            self._spare_ms = spare_ms
        self._seen += 1
        if self._seen >= WINDOW:
            self._conclude()

    def _conclude(self) -> None:
        tight_ms = min(self._tight_ms, self._earlier_tight_ms)
        spare_ms = min(self._spare_ms, self._earlier_spare_ms)
        self._earlier_tight_ms, self._earlier_spare_ms = self._tight_ms, self._spare_ms
        self._tight_ms = self._spare_ms = _NEVER
        self._seen = 0
        self._margin_ms = max(MARGIN_MS, self._margin_ms - 1.0)
        if spare_ms >= TICK_MS and not self.stretch_ms:
            self.cut_ms = spare_ms // TICK_MS * TICK_MS
        elif tight_ms < self._margin_ms / 2:
            # The sender's clock is slower than ours, or the network has become slower: before it is heard.
            self._stretch(self._margin_ms - tight_ms)

    def late(self, by_ms: float) -> None:
        """A packet came after its time was over."""
        self._margin_ms = min(MOST_MARGIN_MS, self._margin_ms + LATE_MARGIN_MS)
        self._stretch(by_ms)

    def _stretch(self, by_ms: float) -> None:
        if not self.stretch_ms:
            self.stretch_ms = min(MOST_MARGIN_MS, TICK_MS * math.ceil(by_ms / TICK_MS))
            self.cut_ms = 0.0

    def stretched(self, by_ms: float) -> None:
        """So much delay was added; what was seen before says nothing of it."""
        self.stretch_ms = _rest(self.stretch_ms - by_ms)
        self.begin()

    def cut(self, by_ms: float) -> None:
        """So much delay was taken away."""
        self.cut_ms = _rest(self.cut_ms - by_ms)
        self.begin()

    def begin(self) -> None:
        """Another stretch of speech, or another delay: look anew."""
        self._tight_ms = self._earlier_tight_ms = self._spare_ms = self._earlier_spare_ms = _NEVER
        self._seen = 0

    def forget(self) -> None:
        """Another stream."""
        self.stretch_ms = self.cut_ms = 0.0
        self.begin()


def _rest(left_ms: float) -> float:
    """What is left to be done; too little for a splice is nothing."""
    return left_ms if left_ms >= SHORTEST_MS else 0.0

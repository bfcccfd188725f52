"""Press: one key of DTMF under way: when it began, whether it holds, when it ended (ITU-T Q.24)."""

from __future__ import annotations

from math import hypot
from typing import Final

from media.detect.tone_pair import HOP_MS, NO_PAIR, off_by

LEAST_MS: Final = 30.0
"""Between what must be refused (23 ms) and what must be taken (40 ms)."""
_GAP_HOPS: Final = 6
"""A tone that is back within 20 ms is still the same key."""
_LEAST_HITS: Final = 5
_MOST_OFF: Final = 0.025
"""Between what must be taken (1.5 %) and what must be refused (3.5 %)."""
_STEADY_HOPS: Final = 4
_MOST_RIPPLE: Final = 10.0 ** (1.2 / 20.0)
"""What each tone's amplitude may change by within 35 ms: voices are never so even."""
_OTHER_HITS: Final = 2
"""Stretches with another pair that end a key without a gap."""


class Press:
    """Fed every 5 ms; positions are counted in stretches, in their middles. A tone's edge is where half of it is heard.

    `before`: amplitudes of the stretches before the first that held the pair, oldest first.
    """

    def __init__(self, pair: int, at: int, before: list[float]) -> None:
        self.pair = pair
        self.low, self.high = pair >> 2, 4 + (pair & 3)
        self.confirmed = False
        self._at = at
        self._rise: list[float] = list(before)
        self._rise_at = at - len(before)
        self._begin = float(at)
        self._end = float(at)
        self._last = before[-1] if before else 0.0
        self._peak = 0.0
        self._hits = 0
        self._hit_at = at
        self._turn_low = self._turn_high = 0j
        self._others = 0
        self._other = NO_PAIR
        self._lows: list[float] = []
        self._highs: list[float] = []
        self._steady = False

    def take(self, pair: int, amplitudes: tuple[float, float], turns: tuple[complex, complex]) -> bool:
        """The next stretch, its low tone and its high one; False when the key is over."""
        amplitude = hypot(*amplitudes)
        if pair == self.pair:
            self._peak = max(self._peak, amplitude)
        half = 0.5 * self._peak
        if not self.confirmed:
            self._rise.append(amplitude)
        if amplitude >= half:
            self._end = float(self._at)
        elif self._last >= half:
            self._end = self._at - 1 + (self._last - half) / (self._last - amplitude)
        self._last = amplitude
        if pair == self.pair and amplitude >= half:
            self._hits += 1
            self._hit_at = self._at
            self._turn_low += turns[0]
            self._turn_high += turns[1]
            if not self.confirmed:
                self._compare(*amplitudes)
                self._confirm()
        else:
            self._lows, self._highs = [], []
        self._others = self._others + 1 if pair not in (NO_PAIR, self.pair) and pair == self._other else 0
        self._other = pair
        self._at += 1
        return self._at - 1 - self._hit_at < _GAP_HOPS and self._others + 1 < _OTHER_HITS

    @property
    def duration_ms(self) -> int:
        """From edge to edge, as far as it is known."""
        # Where something else went on at the same place, the last stretch that held the pair counts.
        end = min(self._end, self._hit_at + 1.0)
        return max(0, round((end - self._begin) * HOP_MS))

    def _compare(self, low: float, high: float) -> None:
        self._lows = [*self._lows[1 - _STEADY_HOPS :], low]
        self._highs = [*self._highs[1 - _STEADY_HOPS :], high]
        if len(self._lows) == _STEADY_HOPS:
            ripple = max(max(self._lows) / min(self._lows), max(self._highs) / min(self._highs))
            self._steady = self._steady or ripple <= _MOST_RIPPLE

    def _confirm(self) -> None:
        if not self._steady or self._hits < _LEAST_HITS:
            return
        begin = self._rising_edge()
        if (self._at - begin) * HOP_MS < LEAST_MS - HOP_MS / 2:
            return
        off = max(abs(off_by(self._turn_low, self.low)), abs(off_by(self._turn_high, self.high)))
        if off > _MOST_OFF:
            return
        self._begin = begin
        self.confirmed = True
        self._rise.clear()

    def _rising_edge(self) -> float:
        half = 0.5 * self._peak
        rise = self._rise
        place = next((index for index, one in enumerate(rise) if one >= half), len(rise) - 1)
        if place == 0:
            return float(self._rise_at)
        under, over = rise[place - 1], rise[place]
        return self._rise_at + place - 1 + (half - under) / max(over - under, 1e-9)

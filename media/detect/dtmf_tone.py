"""DTMF tones: keys as sound, for a far end that takes neither events nor INFO (ITU-T Q.23)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from media.codecs import Samples
from media.detect.dtmf import KEYS
from media.detect.tone_pair import HIGH_HZ, LOW_HZ

LOW_DBM0: Final = -8.0
HIGH_DBM0: Final = -6.0
"""The high tone is louder: lines weaken it more (ETSI ES 201 235-2 §4.2.3)."""
EDGE_S: Final = 0.004
_FULL_SCALE_DBM0: Final = 3.14


class DtmfTones:
    """A row of keys, each of `duration_ms` from half height to half height, followed by `gap_ms`.

    Raises ValueError for what is no key (hook flash has no tone), and for a time under 20 ms.
    """

    def __init__(self, digits: str, *, duration_ms: int, gap_ms: int, rate_hz: int) -> None:
        wrong = [digit for digit in digits if digit not in KEYS]
        if wrong or not digits:
            raise ValueError(f"digits {digits!r}: give some of 0-9 * # A-D")
        if duration_ms < 20 or gap_ms < 20:
            raise ValueError(f"digits of {duration_ms} ms with gaps of {gap_ms} ms: give 20 or more")
        places = [KEYS.index(digit) for digit in digits]
        self._low_hz = np.array([LOW_HZ[place >> 2] for place in places], dtype=np.float64)
        self._high_hz = np.array([HIGH_HZ[place & 3] for place in places], dtype=np.float64)
        self._duration_ms, self._gap_ms = duration_ms, gap_ms
        self._rate_hz = rate_hz
        self._at = 0

    def retune(self, rate_hz: int) -> None:
        """Go on at another sample rate."""
        if rate_hz != self._rate_hz:
            self._at = self._at * rate_hz // self._rate_hz
            self._rate_hz = rate_hz

    @property
    def _period(self) -> int:
        return (self._duration_ms + self._gap_ms) * self._rate_hz // 1000

    @property
    def over(self) -> bool:
        """Whether all has been given, the gap behind the last key included."""
        return self._at >= self._period * len(self._low_hz)

    def frame(self, count: int) -> Samples:
        """The next samples; zeros behind the end."""
        number, at = np.divmod(np.arange(self._at, self._at + count), self._period)
        self._at += count
        digit = np.minimum(number, len(self._low_hz) - 1)
        edge = EDGE_S * self._rate_hz
        sounding = self._duration_ms * self._rate_hz // 1000 + edge
        # Towards both ends of the key, in edges: 0 outside, 1 from one edge inside.
        inside = np.clip(np.minimum(at + 0.5, sounding - at - 0.5) / edge, 0.0, 1.0)
        envelope = np.where(number < len(self._low_hz), 0.5 - 0.5 * np.cos(np.pi * inside), 0.0)
        radians = 2.0 * np.pi * at / self._rate_hz
        wave = _amplitude(LOW_DBM0) * np.sin(radians * self._low_hz[digit])
        wave += _amplitude(HIGH_DBM0) * np.sin(radians * self._high_hz[digit])
        frame: Samples = np.round(wave * envelope).astype(np.int16)
        return frame


def _amplitude(dbm0: float) -> float:
    return 32767.0 * math.pow(10.0, (dbm0 - _FULL_SCALE_DBM0) / 20.0)

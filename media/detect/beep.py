"""Beep: the tone with which an answering machine asks for the message."""

from __future__ import annotations

from typing import Final

import numpy as np

from media.codecs import Samples
from media.detect.single_tone import HOP_MS, HOPS, SingleToneFinder, SingleTones, moved
from media.detect.tone_found import ToneFound

LEAST_HZ: Final = 300.0
MOST_HZ: Final = 2000.0
LEAST_MS: Final = 100
"""As measured, to 10 ms."""
MOST_MS: Final = 3000
_LEAST_DBM0: Final = -36.0
_LEAST_PURITY: Final = 0.93
_WITHIN_HZ: Final = 3.0
"""Of where the tone began: voices glide."""
_SETTLING_HZ: Final = 15.0
"""While the tone fills the first stretches."""
_WITHIN_DB: Final = 2.0
"""From one stretch to the next."""
_BRIDGED: Final = 4
"""Stretches without the tone that end it."""
_QUIETER_DB: Final = 12.0
"""What follows a beep: the machine listens, while a voice goes on."""
_SOFT_EDGE: Final = 2
"""Stretches at the beginning in which the level may still rise."""


class BeepListener:
    """Streams of 8 kHz, a row each, in frames of 20 ms; a beep is told at its end, when one may speak."""

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._finder = SingleToneFinder()
        self._hz = np.zeros(0, dtype=np.float32)
        self._dbm0 = np.zeros(0, dtype=np.float32)
        self._lasted = np.zeros(0, dtype=np.int32)
        """Stretches since a tone began, 0 while there is none."""
        self._missed = np.zeros(0, dtype=np.int32)

    def arrange(self, keys: list[int]) -> None:
        """From now on these streams, in this order; those that were there before go on."""
        places = {key: row for row, key in enumerate(self._keys)}
        old = [places.get(key, -1) for key in keys]
        self._keys = list(keys)
        self._finder.move(old)
        self._hz, self._dbm0 = moved(self._hz, old), moved(self._dbm0, old)
        self._lasted, self._missed = moved(self._lasted, old), moved(self._missed, old)

    def process(self, frames: Samples) -> list[ToneFound]:
        """Take int16[rows, 160], in the order of `arrange`; give the beeps that ended."""
        found = self._finder.find(frames)
        if found is None and not self._lasted.any():
            return []
        heard: list[ToneFound] = []
        for hop in range(HOPS):
            self._step(found, hop, heard)
        return heard

    def _step(self, found: SingleTones | None, hop: int, heard: list[ToneFound]) -> None:
        if found is None:
            hz = np.zeros(len(self._keys), dtype=np.float32)
            dbm0 = loud = np.full(len(self._keys), -99.0, dtype=np.float32)
            pure = np.zeros(len(self._keys), dtype=np.bool_)
        else:
            hz, dbm0 = found.hz[:, hop], found.dbm0[:, hop]
            loud = dbm0 - 10.0 * np.log10(found.purity[:, hop] + 1e-6)
            pure = (found.purity[:, hop] >= _LEAST_PURITY) & (dbm0 >= _LEAST_DBM0) & (hz >= LEAST_HZ) & (hz <= MOST_HZ)
        rising = (self._lasted <= _SOFT_EDGE) & (dbm0 > self._dbm0)
        even = (np.abs(dbm0 - self._dbm0) <= _WITHIN_DB) | rising
        within = np.where(self._lasted <= _SOFT_EDGE, _SETTLING_HZ, _WITHIN_HZ)
        same = pure & (self._lasted > 0) & (np.abs(hz - self._hz) <= within) & even
        self._missed = np.where(same, 0, self._missed + 1).astype(np.int32)
        settling = self._lasted <= _SOFT_EDGE
        # A first stretch that held but the edge of the tone says little: the next one begins it anew.
        kept = same | ((self._lasted > 0) & (self._missed <= _BRIDGED) & ~(pure & settling))
        lasted_ms = (self._lasted - _BRIDGED + 1) * HOP_MS
        ended = (self._lasted > 0) & ~kept & (loud <= self._dbm0 - _QUIETER_DB)
        ended &= (lasted_ms >= LEAST_MS) & (lasted_ms <= MOST_MS + 2 * HOP_MS)
        heard += [ToneFound(self._keys[row], "beep", int(lasted_ms[row])) for row in np.flatnonzero(ended)]
        begins = pure & ~kept
        self._hz = np.where(begins | (same & settling), hz, self._hz)
        self._dbm0 = np.where(same | begins, dbm0, self._dbm0)
        self._lasted = np.where(kept, self._lasted + 1, np.where(begins, 1, 0)).astype(np.int32)

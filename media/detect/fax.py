"""Fax tones: the calling tone CNG and the answering tones CED and ANSam (ITU-T T.30 §4.3.3, V.25, V.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from media.codecs import Samples
from media.detect.single_tone import HOP_MS, HOPS, LEAST_DBM0, SingleToneFinder, SingleTones, moved
from media.detect.tone_found import ToneFound


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxTone:
    """A tone of `hz` that lasts `least_ms` to `most_ms`; None: it is told as soon as it has lasted so long."""

    name: str
    hz: float
    within_hz: float
    least_ms: int
    most_ms: int | None


FAX_TONES: Final = (
    # 0.5 s and 3 s of pause, both +-15 %: told at its end, because other tones of this frequency are longer.
    FaxTone(name="cng", hz=1100.0, within_hz=40.0, least_ms=390, most_ms=600),
    # With and without reversals of phase (each 450 ms) and the 15 Hz of ANSam.
    FaxTone(name="ced", hz=2100.0, within_hz=22.0, least_ms=1500, most_ms=None),
)
_LEAST_PURITY: Final = 0.8
_BRIDGED: Final = 4
"""Stretches without the tone that do not end it: reversals of phase, a lost packet."""

_HZ: Final = np.array([tone.hz for tone in FAX_TONES], dtype=np.float32)
_WITHIN_HZ: Final = np.array([tone.within_hz for tone in FAX_TONES], dtype=np.float32)


class FaxListener:
    """Streams of 8 kHz, a row each, in frames of 20 ms."""

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._finder = SingleToneFinder()
        self._lasted = np.zeros((0, len(FAX_TONES)), dtype=np.int32)
        """Stretches since the tone began, 0 while there is none."""
        self._missed = np.zeros((0, len(FAX_TONES)), dtype=np.int32)
        self._told = np.zeros((0, len(FAX_TONES)), dtype=np.bool_)

    def arrange(self, keys: list[int]) -> None:
        """From now on these streams, in this order; those that were there before go on."""
        places = {key: row for row, key in enumerate(self._keys)}
        old = [places.get(key, -1) for key in keys]
        self._keys = list(keys)
        self._finder.move(old)
        self._lasted, self._missed, self._told = (moved(one, old) for one in (self._lasted, self._missed, self._told))

    def process(self, frames: Samples) -> list[ToneFound]:
        """Take int16[rows, 160], in the order of `arrange`; give the tones that were recognised."""
        found = self._finder.find(frames)
        if found is None and not self._lasted.any():
            return []
        heard: list[ToneFound] = []
        for hop in range(HOPS):
            self._step(found, hop, heard)
        return heard

    def _step(self, found: SingleTones | None, hop: int, heard: list[ToneFound]) -> None:
        if found is None:
            there = np.zeros(self._lasted.shape, dtype=np.bool_)
        else:
            pure = (found.purity[:, hop] >= _LEAST_PURITY) & (found.dbm0[:, hop] >= LEAST_DBM0)
            there = pure[:, None] & (np.abs(found.hz[:, hop, None] - _HZ) <= _WITHIN_HZ)
        self._missed = np.where(there, 0, self._missed + 1)
        on = there | ((self._lasted > 0) & (self._missed <= _BRIDGED))
        lasted = np.where(on, self._lasted + 1, 0)
        for number, tone in enumerate(FAX_TONES):
            if tone.most_ms is None:
                told = (lasted[:, number] * HOP_MS >= tone.least_ms) & ~self._told[:, number]
                lasted_ms = lasted[:, number] * HOP_MS
            else:
                lasted_ms = (self._lasted[:, number] - _BRIDGED) * HOP_MS
                ended = (self._lasted[:, number] > 0) & ~on[:, number]
                told = ended & (lasted_ms >= tone.least_ms) & (lasted_ms <= tone.most_ms)
            self._told[:, number] = (self._told[:, number] | told) & on[:, number]
            heard += [ToneFound(self._keys[row], tone.name, int(lasted_ms[row])) for row in np.flatnonzero(told)]
        self._lasted = lasted.astype(np.int32)

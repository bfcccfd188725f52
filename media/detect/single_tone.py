"""Single tone: the strongest tone in each stretch of 20 ms, every 10 ms: its frequency, its level, how pure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Samples

RATE_HZ: Final = 8000
HOP: Final = 80
HOP_MS: Final = 10
HOPS: Final = 2
"""Stretches that end in each frame of 20 ms."""
WINDOW: Final = 160
LEAST_DBM0: Final = -43.0
"""CNG and CED may arrive that soft (ITU-T T.30 §4)."""
_FULL_SCALE_DBM0: Final = 3.14
_QUIET: Final = int(32767.0 * 10.0 ** ((LEAST_DBM0 - _FULL_SCALE_DBM0) / 20.0))
_BIN_HZ: Final = RATE_HZ / WINDOW
_BINS: Final = WINDOW // 2 + 1
_LOBE: Final = 2
"""Bins on both sides of the strongest over which the window spreads a tone."""

Floats = NDArray[np.float32]

_SHAPE: Final = (0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW)).astype(np.float32)
_FULL_SCALE_POWER: Final = 32767.0**2 / 2.0 * float(np.sum(_SHAPE * _SHAPE)) * WINDOW / 2.0
"""Of a full-scale sine, summed over its bins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleTones:
    """float32[rows, 2] each: `hz`, `dbm0`, and `purity`, the tone's part of all power above 100 Hz, 0..1."""

    hz: Floats
    dbm0: Floats
    purity: Floats


class SingleToneFinder:
    """A row of the last samples for each stream."""

    def __init__(self) -> None:
        self._past = np.zeros((0, WINDOW - HOP), dtype=np.int16)
        self._before = np.zeros((0, _BINS), dtype=np.complex64)

    def move(self, old: list[int]) -> None:
        """Rows from now on, by their places until now; -1 is a new one."""
        self._past = moved(self._past, old)
        self._before = moved(self._before, old)

    def find(self, frames: Samples) -> SingleTones | None:
        """Take int16[rows, 160]; None where no row has any sound."""
        heard = np.concatenate([self._past, frames], axis=1)
        self._past = heard[:, HOP * HOPS :]
        if heard.size == 0 or max(int(heard.max()), -int(heard.min())) < _QUIET:
            self._before[:] = 0
            return None
        stretches = np.lib.stride_tricks.sliding_window_view(heard, WINDOW, axis=1)[:, ::HOP]
        bins = np.fft.rfft(stretches * _SHAPE, axis=2).astype(np.complex64)
        power = bins.real**2 + bins.imag**2
        strongest = np.argmax(power[:, :, _LOBE + 1 : -_LOBE], axis=2) + _LOBE + 1
        row, hop = np.arange(len(frames))[:, None], np.arange(HOPS)
        tone = sum(power[row, hop, strongest + away] for away in range(-_LOBE, _LOBE + 1))
        earlier = np.concatenate([self._before[:, None], bins[:, :-1]], axis=1)[row, hop, strongest]
        self._before = bins[:, -1]
        # In half a window each bin's middle turns by whole halves of a circle.
        turn = bins[row, hop, strongest] * earlier.conj() * np.where(strongest % 2, -1.0, 1.0)
        return SingleTones(
            hz=(strongest * _BIN_HZ + np.angle(turn) * (RATE_HZ / (2.0 * np.pi * HOP))).astype(np.float32),
            dbm0=(10.0 * np.log10(tone / _FULL_SCALE_POWER + 1e-12) + _FULL_SCALE_DBM0).astype(np.float32),
            purity=(tone / (power[:, :, _LOBE:].sum(axis=2) + 1e-3)).astype(np.float32),
        )


def moved(values: NDArray[Any], old: list[int]) -> NDArray[Any]:
    """Rows from now on, by their places until now; those of -1 are zeros."""
    rows = np.zeros((len(old), *values.shape[1:]), dtype=values.dtype)
    kept = [row for row, place in enumerate(old) if place >= 0]
    rows[kept] = values[[old[row] for row in kept]]
    return rows

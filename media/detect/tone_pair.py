"""Tone pairs: which of the sixteen pairs of DTMF frequencies each stretch of 20 ms holds, every 5 ms (ITU-T Q.23)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Samples

RATE_HZ: Final = 8000
HOP: Final = 40
HOP_MS: Final = 5
HOPS: Final = 4
"""Stretches that end in each frame of 20 ms."""
WINDOW: Final = 160
LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)
NO_PAIR: Final = -1

LEAST_DBM0: Final = -42.0
"""Of the weaker tone."""
_FULL_SCALE_DBM0: Final = 3.14
_MOST_NORMAL_TWIST: Final = 10.0 ** (10.5 / 10.0)
_MOST_REVERSE_TWIST: Final = 10.0 ** (6.5 / 10.0)
_LEAST_PART: Final = 0.8
"""What the two tones must hold of the power, that of dial tones not counted."""
_MOST_OFF: Final = 0.035
"""Frequency error of a single stretch; that of a whole press is held to less."""
_NOT_COUNTED: Final = (0, 1, 5, 6, 7, 8, 9, 10, 11)
"""Multiples of 50 Hz that hold hum or dial tones. Those between are the pitch of voices, which are no keys."""
_SMALL_PRODUCT: Final = 200_000
"""Multiplications of one matrix product. OpenBLAS wakes its threads for more than 262144."""

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]
Pairs = NDArray[np.int8]

_NOMINAL_HZ: Final = np.array(LOW_HZ + HIGH_HZ, dtype=np.float64)
_SHAPE: Final = (0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW)).astype(np.float32)
_TONE_POWER: Final = np.float32(2.0 * np.sum(_SHAPE * _SHAPE) / np.sum(_SHAPE) ** 2)
"""Turns the square of a tone's correlation into its share of the shaped stretch's power."""
_LEAST_POWER: Final = np.float32(
    (32767.0 * 10.0 ** ((LEAST_DBM0 - _FULL_SCALE_DBM0) / 20.0)) ** 2 / 2.0 * np.sum(_SHAPE * _SHAPE)
)
_QUIET: Final = int(32767.0 * 10.0 ** ((LEAST_DBM0 - _FULL_SCALE_DBM0) / 20.0))
_ROTATION: Final = np.exp(-2j * np.pi * _NOMINAL_HZ * HOP / RATE_HZ).astype(np.complex64)
"""What a tone of the nominal frequency turns by from one stretch to the next, backwards."""
_OFF_PER_RADIAN: Final = (RATE_HZ / (2.0 * np.pi * HOP) / _NOMINAL_HZ).astype(np.float32)
_BINS_PER_RADIAN: Final = np.float32(WINDOW / (2.0 * np.pi * HOP))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFrame:
    """What the four stretches of one frame hold. `pairs` int8[rows, 4]: 4 * low + high, or NO_PAIR.

    `amplitudes` float32[rows, 4, 8]: of each tone. `turns` complex64[rows, 4, 8]: the change against the stretch
    before; its angle is the frequency error.
    """

    pairs: Pairs
    amplitudes: Floats
    turns: Complexes


class PairFinder:
    """A row of the last samples for each stream."""

    def __init__(self) -> None:
        self._past = np.zeros((0, WINDOW - HOP), dtype=np.int16)
        self._before = np.zeros((0, 8), dtype=np.complex64)
        self._basis = _basis()

    def move(self, old: list[int]) -> None:
        """Rows from now on, by their places until now; -1 is a new one."""
        past, before = self._past, self._before
        self._past = np.zeros((len(old), WINDOW - HOP), dtype=np.int16)
        self._before = np.zeros((len(old), 8), dtype=np.complex64)
        kept = [row for row, place in enumerate(old) if place >= 0]
        places = [old[row] for row in kept]
        self._past[kept] = past[places]
        self._before[kept] = before[places]

    def find(self, frames: Samples) -> PairFrame | None:
        """Take int16[rows, 160]; None where no row has any sound."""
        heard = np.concatenate([self._past, frames], axis=1)
        self._past = heard[:, WINDOW:]
        if heard.size == 0 or max(int(heard.max()), -int(heard.min())) < _QUIET:
            self._before[:] = 0
            return None
        rows = len(frames)
        stretches = np.lib.stride_tricks.sliding_window_view(heard, WINDOW, axis=1)[:, ::HOP]
        wave = (stretches * _SHAPE).reshape(rows * HOPS, WINDOW)
        parts = self._product(wave)
        tones = parts[:, :8] + np.complex64(1j) * parts[:, 8:16]
        low = np.einsum("ij,ij->i", parts[:, 16:], parts[:, 16:])
        counted = (np.einsum("ij,ij->i", wave, wave) - low).reshape(rows, HOPS)
        tones = tones.reshape(rows, HOPS, 8)
        earlier = np.concatenate([self._before[:, None], tones[:, :-1]], axis=1)
        self._before = tones[:, -1]
        turns = tones * earlier.conj() * _ROTATION
        return _judged(tones, turns, counted)

    def _product(self, wave: Floats) -> Floats:
        parts = np.empty((len(wave), self._basis.shape[1]), dtype=np.float32)
        at_once = _SMALL_PRODUCT // self._basis.size
        for at in range(0, len(wave), at_once):
            np.matmul(wave[at : at + at_once], self._basis, out=parts[at : at + at_once])
        return parts


def off_by(turn: complex, tone: int) -> float:
    """Frequency error of one of the eight tones, as a part of its frequency, from what it turned by."""
    return float(np.angle(turn)) * float(_OFF_PER_RADIAN[tone])


def _judged(tones: Complexes, turns: Complexes, counted: Floats) -> PairFrame:
    rows = len(tones)
    size = (tones.real**2 + tones.imag**2) * _TONE_POWER
    radians = np.angle(turns)
    # A tone off its frequency lies on the slope of the window's main lobe; what it lost there is given back.
    power = size * _lobe(radians * _BINS_PER_RADIAN)
    low = np.argmax(size[:, :, :4], axis=2)
    high = np.argmax(size[:, :, 4:], axis=2) + 4
    row, hop = np.arange(rows)[:, None], np.arange(HOPS)
    low_power, high_power = power[row, hop, low], power[row, hop, high]
    off = np.abs(radians * _OFF_PER_RADIAN)
    good = (
        (np.minimum(low_power, high_power) >= _LEAST_POWER)
        & (high_power <= low_power * np.float32(_MOST_NORMAL_TWIST))
        & (low_power <= high_power * np.float32(_MOST_REVERSE_TWIST))
        & (low_power + high_power >= counted * np.float32(_LEAST_PART))
        & (np.maximum(off[row, hop, low], off[row, hop, high]) <= _MOST_OFF)
    )
    pairs: Pairs = np.where(good, 4 * low + high - 4, NO_PAIR).astype(np.int8)
    return PairFrame(pairs=pairs, amplitudes=np.sqrt(size), turns=turns)


def _lobe(bins: Floats) -> Floats:
    # One over the power response of the window this far from its middle (Harris 1978), as far as one bin.
    away = np.minimum(np.abs(bins), np.float32(0.98))
    response = np.sinc(away) / (1.0 - away * away)
    inverse: Floats = (1.0 / (response * response)).astype(np.float32)
    return inverse


def _basis() -> Floats:
    """float32[160, 33]: cosines and sines of the eight tones, then what is not counted, made orthonormal."""
    at = np.arange(WINDOW)
    radians = 2.0 * np.pi * np.outer(at, _NOMINAL_HZ) / RATE_HZ
    steps = 2.0 * np.pi * np.outer(at, _NOT_COUNTED) / WINDOW
    low = np.concatenate([np.cos(steps), np.sin(steps[:, 1:])], axis=1)
    low /= np.sqrt(np.sum(low * low, axis=0))
    columns = np.concatenate([np.cos(radians), -np.sin(radians), low], axis=1)
    basis: Floats = columns.astype(np.float32)
    return basis

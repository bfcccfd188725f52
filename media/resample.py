"""Resampling of many live streams at once: one short linear-phase polyphase filter, a row of state for each stream.

The filter is a Kaiser-windowed sinc over 30 samples of the lower rate: it delays by 15 of them (1.9 ms at 8 kHz, 0.9 ms
at 16 kHz), is flat within 0.1 dB to 0.43 of the lower rate and 60 dB down from 0.55 of it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATES_HZ: Final = (8000, 12000, 16000, 24000, 32000, 48000)
BLOCKS_PER_S: Final = 400
"""A matrix turns 2.5 ms, and the history that its filter needs, into 2.5 ms: whole samples at all rates."""
SPAN: Final = 30
"""Samples of the lower rate that the filter is long."""
_CUT_OFF: Final = 0.485
"""Middle of the filter's edge, as a part of the lower rate."""
_BETA: Final = 5.85
"""Shape of the Kaiser window for 61 dB (Kaiser 1974)."""
_SMALL_PRODUCT: Final = 200_000
"""Multiplications of one matrix product. OpenBLAS wakes its threads for more than 262144."""


class Resampler:
    """As many streams as `rows`, all from one rate to another of `RATES_HZ`. Raises ValueError."""

    def __init__(self, from_hz: int, to_hz: int, rows: int = 1) -> None:
        if from_hz not in RATES_HZ or to_hz not in RATES_HZ or from_hz == to_hz:
            allowed = ", ".join(map(str, RATES_HZ))
            raise ValueError(f"resampling from {from_hz} to {to_hz} Hz (allowed: two different ones of {allowed})")
        self._matrix = _matrix(from_hz, to_hz)
        width, self._block_out = self._matrix.shape
        self._block_in = from_hz // BLOCKS_PER_S
        self._past = np.zeros((rows, width - self._block_in), dtype=np.float32)
        self.delay_s: Final = SPAN / 2 / min(from_hz, to_hz)

    @property
    def rows(self) -> int:
        """How many streams there are."""
        return len(self._past)

    def process(self, samples: Samples) -> Samples:
        """int16[rows, n] -> int16[rows, n * to / from]; n is whole 2.5 ms. Raises ValueError for another shape."""
        rows, count = samples.shape
        blocks, rest = divmod(count, self._block_in)
        if rest or rows != len(self._past):
            raise ValueError(
                f"resampling {samples.shape}: must be {len(self._past)} rows of a multiple of {self._block_in} samples"
            )
        width, outputs = self._matrix.shape
        heard = np.concatenate([self._past, samples], axis=1, dtype=np.float32)
        self._past = heard[:, count:].copy() if count else self._past
        windows = np.lib.stride_tricks.as_strided(
            heard,
            (rows, blocks, width),
            (heard.strides[0], 4 * self._block_in, 4),
            writeable=False,
        ).reshape(rows * blocks, width)
        made = np.empty((rows * blocks, outputs), dtype=np.float32)
        at_once = max(1, _SMALL_PRODUCT // self._matrix.size)
        for at in range(0, rows * blocks, at_once):
            np.matmul(windows[at : at + at_once], self._matrix, out=made[at : at + at_once])
        np.rint(made, out=made)
        np.minimum(made, 32767, out=made)
        np.maximum(made, -32768, out=made)
        return made.astype(np.int16).reshape(rows, blocks * outputs)

    def reset(self, row: int) -> None:
        """Forget what a stream had."""
        self._past[row] = 0

    def add(self, rows: int = 1) -> None:
        """New streams behind the others."""
        self._past = np.concatenate([self._past, np.zeros((rows, self._past.shape[1]), dtype=np.float32)])

    def remove(self, row: int) -> None:
        """End a stream; those behind it move up by one."""
        self._past = np.delete(self._past, row, axis=0)


@cache
def _matrix(from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """float32[history + block, block out]: the filter's value for each pair of input and output sample."""
    low_hz = min(from_hz, to_hz)
    history = SPAN * from_hz // low_hz
    inputs = np.arange(-history, from_hz // BLOCKS_PER_S) / from_hz
    outputs = np.arange(to_hz // BLOCKS_PER_S) / to_hz
    # In samples of the lower rate, from the filter's middle.
    away = (outputs - inputs[:, None]) * low_hz - SPAN / 2
    inside = np.abs(away) <= SPAN / 2 + 1e-9
    window = np.where(inside, np.i0(_BETA * np.sqrt(np.maximum(0.0, 1 - (2 * away / SPAN) ** 2))), 0.0)
    filtered = np.sinc(2 * _CUT_OFF * away) * window
    matrix: NDArray[np.float32] = (filtered / filtered.sum(axis=0)).astype(np.float32)
    matrix.flags.writeable = False
    return matrix

"""Bank: the resamplers of many streams between the same two rates, run as one batch."""

from __future__ import annotations

import numpy as np

from media.codecs import Samples
from media.resample import Resampler


class ResamplerBank:
    """A row for each stream, by a key of the owner's; rows that are let go are given to others."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._rows: dict[int, int] = {}
        self._resampler = Resampler(from_hz, to_hz, 0)
        self._order: list[int] = []
        self._index = np.zeros(0, dtype=np.intp)
        self._buffer = np.zeros((0, from_hz // 50), dtype=np.int16)

    def arrange(self, keys: list[int]) -> None:
        """From now on these streams, in this order; those that were there before go on."""
        if keys == self._order:
            return
        wanted = set(keys)
        free = list(set(range(self._resampler.rows)).difference(self._rows.values()))
        for key in [key for key in self._rows if key not in wanted]:
            row = self._rows.pop(key)
            free.append(row)
        for key in keys:
            if key in self._rows:
                continue
            if not free:
                row = self._resampler.rows
                self._resampler.add()
            else:
                row = free.pop()
                self._resampler.reset(row)
            self._rows[key] = row
        self._order = list(keys)
        self._index = np.array([self._rows[key] for key in keys], dtype=np.intp)
        self._buffer = np.zeros((self._resampler.rows, self._from_hz // 50), dtype=np.int16)

    def process(self, frames: Samples) -> Samples:
        """20 ms of each stream in the order of `arrange`, at the other rate."""
        if len(self._index) == len(self._buffer):
            ordered = np.empty_like(self._buffer)
            ordered[self._index] = frames
            return self._resampler.process(ordered)[self._index]
        self._buffer[:] = 0
        self._buffer[self._index] = frames
        return self._resampler.process(self._buffer)[self._index]

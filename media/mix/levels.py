"""Levels: who talks in a room, from the loudness of each row against its own background."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Samples

ABOVE_NOISE_DB: Final = 9.0
LEAST_DBOV: Final = -50.0
HANG_TICKS: Final = 15
"""A talker is held for 300 ms after the last loud frame: endings of words are soft."""
LOUDEST: Final = 3
SMALL_ROOM: Final = 20
"""In a room of up to so many, everybody who talks is heard; in larger ones the three that have been loudest of late."""
_SILENT_DBOV: Final = -90.0
_FULL_SCALE: Final = 32768.0

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def level_dbov(frames: Samples) -> Floats:
    """Level of each row in dB against full scale, -90 for silence."""
    wave = frames.astype(np.float32)
    power = np.einsum("ij,ij->i", wave, wave) / (frames.shape[1] * _FULL_SCALE * _FULL_SCALE)
    level: Floats = 10.0 * np.log10(power + 1e-9)
    return np.maximum(level, _SILENT_DBOV)


class TalkerFinder:
    """One row for each member of conference rooms; rows keep their history when the layout changes."""

    def __init__(self) -> None:
        self._floor = np.zeros(0, dtype=np.float32)
        self._hang = np.zeros(0, dtype=np.int32)
        self._loud = np.zeros(0, dtype=np.float32)
        self._rows: dict[int, int] = {}

    def arrange(self, port_ids: list[int]) -> None:
        """Give each port its row, in this order."""
        before, self._rows = self._rows, {port_id: row for row, port_id in enumerate(port_ids)}
        old = [before.get(port_id, -1) for port_id in port_ids]
        self._floor = _moved(self._floor, old, -60.0)
        self._hang = _moved(self._hang, old, 0)
        self._loud = _moved(self._loud, old, _SILENT_DBOV)

    def talkers(self, frames: Samples) -> Flags:
        """Which rows talk now (or did within HANG_TICKS)."""
        level = level_dbov(frames)
        floor = self._floor
        # Down at once, up by 0.05 dB a tick (2.5 dB a second): speech never becomes the background.
        np.copyto(floor, np.where(level < floor, np.maximum(level, -75.0), floor + 0.05))
        np.minimum(floor, -30.0, out=floor)
        loud = (level > floor + ABOVE_NOISE_DB) & (level > LEAST_DBOV)
        self._hang = np.where(loud, HANG_TICKS, np.maximum(self._hang - 1, 0))
        self._loud = np.maximum(level, self._loud - 0.5)
        return self._hang > 0

    def loudest(self, talking: Flags, starts: NDArray[np.intp]) -> Flags:
        """Of the talkers of each room (rooms begin at these rows) those that are heard."""
        chosen = talking.copy()
        ends = [*starts[1:].tolist(), len(talking)]
        for start, end in zip(starts.tolist(), ends, strict=True):
            if end - start <= SMALL_ROOM:
                continue
            here = np.flatnonzero(talking[start:end])
            if len(here) > LOUDEST:
                order = np.argsort(-self._loud[start + here], kind="stable")
                chosen[start + here[order[LOUDEST:]]] = False
        return chosen


def _moved(values: NDArray[Any], old: list[int], new: float) -> NDArray[Any]:
    moved = np.full(len(old), new, dtype=values.dtype)
    kept = [row for row, place in enumerate(old) if place >= 0]
    moved[kept] = values[[old[row] for row in kept]]
    return moved

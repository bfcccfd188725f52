"""Sound run: a sound under way in a room: where it is, and how often it is still to be played."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.mix_state import RoomSound

_MOST_BYTES: Final = 1 << 28


class SoundRun:
    """Samples of a ready file (16 bit, little-endian, the room's rate). Raises OSError, ValueError."""

    def __init__(self, sound: RoomSound) -> None:
        size = os.stat(sound.path).st_size
        if not 2 <= size <= _MOST_BYTES:
            raise ValueError(f"{sound.path}: {size} octets; give a file of 16-bit samples")
        self.sound = sound
        self._data = np.memmap(sound.path, dtype="<i2", mode="r", shape=(size // 2,))
        self._at = 0
        self._plays_left = sound.plays
        self._gain = 10.0 ** (sound.gain_db / 20.0)

    @property
    def over(self) -> bool:
        """Whether all has been played."""
        return self._plays_left == 0

    def frame(self, count: int) -> NDArray[np.int32]:
        """The next samples, with zeros behind the end."""
        frame = np.zeros(count, dtype=np.int32)
        filled = 0
        while filled < count and self._plays_left != 0:
            part = self._data[self._at : self._at + count - filled]
            frame[filled : filled + len(part)] = part
            filled += len(part)
            self._at += len(part)
            if self._at >= len(self._data):
                self._at = 0
                if self._plays_left is not None:
                    self._plays_left -= 1
        if self._gain != 1.0:
            frame = np.round(frame * self._gain).astype(np.int32)
        return frame

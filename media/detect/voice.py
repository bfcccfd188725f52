"""Voice activity: when somebody begins to speak, and when nothing more is said (WebRTC's detector, a row each)."""

from __future__ import annotations

from typing import Final

import numpy as np
import webrtcvad  # type: ignore[import-untyped]

from media.codecs import Samples
from media.detect.single_tone import moved
from media.detect.tone_found import ToneFound
from media.mix.levels import Flags, level_dbov

RATE_HZ: Final = 8000
TICK_MS: Final = 20
HANG_MS: Final = 300
"""Pauses within speech are shorter."""
BEGIN_MS: Final = 120
"""Of voice, before it is told: a click, or noise that sets in, is no voice."""
_STRICT: Final = 3
"""Of the modes 0..3 the one that takes noise for voice least."""
_LEAST_DBOV: Final = -52.0
_ABOVE_NOISE_DB: Final = 7.0
_RISE_DB: Final = 0.05
"""By which the background is thought to grow in each tick: 2.5 dB a second, so that no speech becomes background."""


class VoiceListener:
    """Streams of 8 kHz, a row each, in frames of 20 ms; `voice` and `silence` are told in turn, `voice` first."""

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._judges: dict[int, webrtcvad.Vad] = {}
        self._floor = np.zeros(0, dtype=np.float32)
        self._score = np.zeros(0, dtype=np.int32)
        """Ticks of voice less those without, since there was none."""
        self._quiet = np.zeros(0, dtype=np.int32)
        """Ticks since the last of voice."""
        self._speaking: Flags = np.zeros(0, dtype=np.bool_)

    def arrange(self, keys: list[int]) -> None:
        """From now on these streams, in this order; those that were there before go on."""
        places = {key: row for row, key in enumerate(self._keys)}
        old = [places.get(key, -1) for key in keys]
        self._keys = list(keys)
        self._judges = {key: self._judges.get(key) or webrtcvad.Vad(_STRICT) for key in keys}
        self._floor, self._score = moved(self._floor, old), moved(self._score, old)
        self._floor[[row for row, place in enumerate(old) if place < 0]] = _LEAST_DBOV
        self._quiet, self._speaking = moved(self._quiet, old), moved(self._speaking, old)

    def process(self, frames: Samples) -> list[ToneFound]:
        """Take int16[rows, 160], in the order of `arrange`; give the beginnings and ends of speech."""
        voiced = self._voiced(frames)
        self._quiet = np.where(voiced, 0, self._quiet + 1).astype(np.int32)
        score = np.clip(self._score + np.where(voiced, 1, -1), 0, BEGIN_MS // TICK_MS)
        begun = ~self._speaking & (score >= BEGIN_MS // TICK_MS)
        ended = self._speaking & (self._quiet >= HANG_MS // TICK_MS)
        self._speaking = (self._speaking | begun) & ~ended
        self._score = np.where(ended, 0, score).astype(np.int32)
        heard = [ToneFound(self._keys[row], "voice", BEGIN_MS) for row in np.flatnonzero(begun)]
        heard += [ToneFound(self._keys[row], "silence", HANG_MS) for row in np.flatnonzero(ended)]
        return heard

    def _voiced(self, frames: Samples) -> Flags:
        level = level_dbov(frames)
        # Only what is louder than the line's own noise is looked at.
        loud = (level > _LEAST_DBOV) & (level > self._floor + _ABOVE_NOISE_DB)
        self._floor = np.where(level < self._floor, np.maximum(level, -75.0), self._floor + _RISE_DB)
        voiced = loud.copy()
        for row in np.flatnonzero(loud).tolist():
            voiced[row] = self._judges[self._keys[row]].is_speech(frames[row].tobytes(), RATE_HZ)
        return voiced

"""Filler: what is heard where a stream has nothing: what was, fading; comfort noise; the way back into speech."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from media.codecs import Codec, Decoder, Samples
from media.comfort_noise import ComfortNoise, NoiseMaker
from media.concealment import Concealer

_REMEMBERED = 3
"""Frames of the past that concealment goes on from."""


class Filler:
    """Knows the last frames of one stream at `rate_hz`."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._past: deque[Samples | tuple[Codec, bytes]] = deque(maxlen=_REMEMBERED)
        self._concealer: Concealer | None = None
        self._noise: NoiseMaker | None = None
        self.begun = False
        """Something of the stream has been played: there is a sound to be gone on with."""

    def filling(self) -> bool:
        """Whether the next good frame has to be joined to what was made up."""
        return self._concealer is not None

    def noisy(self) -> bool:
        """Whether the far end has described the silence that it is in."""
        return self._noise is not None

    def played(self, frame: Samples | tuple[Codec, bytes]) -> None:
        """A frame was given out: samples, or a payload of a table codec (decoded only if it is needed)."""
        self._past.append(frame)

    def speech(self) -> None:
        """The far end speaks."""
        self._noise = None
        self.begun = True

    def describe(self, payload: bytes, seed: int) -> None:
        """The far end is silent, and says how that sounds (RFC 3389). Raises BadPayload."""
        noise = ComfortNoise.parse(payload)
        if self._noise is None:
            self._noise = NoiseMaker(np.random.default_rng(seed))
        self._noise.hear(noise)

    def quiet(self, count: int, decoders: Iterable[Decoder | None]) -> Samples:
        """What is heard while the far end sends nothing on purpose."""
        return self._noise.make(count) if self._noise is not None else self.fade(count, decoders)

    def fade(self, count: int, decoders: Iterable[Decoder | None]) -> Samples:
        """More of what was heard last, fading out: in the codec's own way where it has one."""
        if not self.begun:
            return np.zeros(count, dtype=np.int16)
        for decoder in decoders:
            made = decoder.conceal(count) if decoder is not None else None
            if made is not None:
                return made
        if self._concealer is None:
            self._concealer = Concealer(self._rate_hz)
            for frame in self._past:
                self._concealer.good(_samples(frame))
        return self._concealer.conceal(count)

    def join(self, samples: Samples) -> Samples:
        """The first good frame behind what was made up, with its beginning blended in."""
        if self._concealer is None:
            return samples
        concealer, self._concealer = self._concealer, None
        return concealer.good(samples)

    def rest(self) -> None:
        """It has been silent for long: what was said before is not gone on with."""
        self._concealer = None
        self._past.clear()

    def forget(self) -> None:
        """Another stream."""
        self.rest()
        self._noise = None
        self.begun = False


def _samples(frame: Samples | tuple[Codec, bytes]) -> Samples:
    if isinstance(frame, tuple):
        codec, payload = frame
        return codec.decode_rows(np.frombuffer(payload, dtype=np.uint8))
    return frame

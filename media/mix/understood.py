"""Understood: what a payload type means to the mix path."""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs import Codec, Decoder, Samples
from media.resample import BLOCKS_PER_S, Resampler


@dataclass(frozen=True, slots=True)
class Understood:
    """What one payload type means: a codec and its decoder, comfort noise (codec None), or nothing audible."""

    codec: Codec | None = None
    decoder: Decoder | None = None
    noise: bool = False


class ConvertedDecoder:
    """A decoder of another sample rate than the stream is played at: a far end may change between what was agreed."""

    def __init__(self, codec: Codec, rate_hz: int) -> None:
        self._decoder = codec.decoder(codec.rate_hz)
        self._resampler = Resampler(codec.rate_hz, rate_hz)
        self._block = codec.rate_hz // BLOCKS_PER_S

    def decode(self, payload: bytes) -> Samples:
        """Samples of one packet, in whole 2.5 ms. Raises BadPayload."""
        samples = self._decoder.decode(payload)
        whole = samples[: len(samples) // self._block * self._block]
        return self._resampler.process(whole.reshape(1, -1)).reshape(-1)

    def conceal(self, samples: int) -> Samples | None:
        """None: lost packets are concealed outside."""
        return None

    def recover(self, next_payload: bytes, samples: int) -> Samples | None:
        """None: of the codecs that are converted none repeats anything."""
        return None

"""Codecs that can be encoded and decoded here, by lower-case name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import decode_a_law, decode_mu_law, encode_a_law, encode_mu_law
from media.codecs.l16 import decode_l16, encode_l16

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How one codec turns mono int16 samples into payload.

    `clock_rate` is RTP's, `rate_hz` the samples'; `octets_per_sample` holds for all frame sizes.
    """

    name: str
    clock_rate: int
    rate_hz: int
    octets_per_sample: int
    encode: Callable[[Samples], bytes]
    decode: Callable[[bytes], Samples]

    def frame_bytes(self, ptime_ms: int) -> int:
        """Payload octets of one packet of `ptime_ms`."""
        return self.rate_hz * ptime_ms // 1000 * self.octets_per_sample

    def samples_per_frame(self, ptime_ms: int) -> int:
        """Timestamp units that one packet of `ptime_ms` covers."""
        return self.clock_rate * ptime_ms // 1000


CODECS: dict[str, Codec] = {
    "pcmu": Codec(
        name="PCMU",
        clock_rate=8000,
        rate_hz=8000,
        octets_per_sample=1,
        encode=encode_mu_law,
        decode=decode_mu_law,
    ),
    "pcma": Codec(
        name="PCMA",
        clock_rate=8000,
        rate_hz=8000,
        octets_per_sample=1,
        encode=encode_a_law,
        decode=decode_a_law,
    ),
    "l16": Codec(
        name="L16",
        clock_rate=8000,
        rate_hz=8000,
        octets_per_sample=2,
        encode=encode_l16,
        decode=decode_l16,
    ),
}

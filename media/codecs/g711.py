"""G.711 mu-law and A-law by table (ITU-T G.711; reference code ITU-T G.191)."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from media.codecs.codec import BadPayload, Octets, Samples

Law = Literal["mu", "a"]


class G711Decoder:
    """One octet, one sample; there is no state."""

    def __init__(self, law: Law) -> None:
        self._levels = levels(law)

    def decode(self, payload: bytes) -> Samples:
        """Samples of one packet. Raises BadPayload for an empty one."""
        if not payload:
            raise BadPayload("G.711: empty payload")
        return self._levels.take(np.frombuffer(payload, dtype=np.uint8))

    def conceal(self, samples: int) -> Samples | None:
        """None: lost packets are concealed outside (G.711 Appendix I)."""
        return None

    def recover(self, next_payload: bytes, samples: int) -> Samples | None:
        """None: packets repeat nothing."""
        return None


class G711Encoder:
    """One sample, one octet; there is no state."""

    def __init__(self, law: Law) -> None:
        self._codes = codes(law)

    def encode(self, samples: Samples) -> bytes:
        """Payload of any number of samples."""
        return self._codes.take(samples.view(np.uint16)).tobytes()


@cache
def levels(law: Law) -> Samples:
    """Give the 256 linear levels of a law, by code."""
    table = _LEVELS[law]()
    table.flags.writeable = False
    return table


@cache
def codes(law: Law) -> Octets:
    """Give the 65536 codes of a law, by linear sample read as unsigned: 0, 1 … 32767, -32768 … -1."""
    linear = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    table = _CODES[law](linear)
    table.flags.writeable = False
    return table


def _mu_law_levels() -> Samples:
    code = ~np.arange(256) & 0xFF
    exponent = code >> 4 & 7
    level = ((((code & 0xF) << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -level, level).astype(np.int16)


def _mu_law_codes(linear: NDArray[np.int32]) -> Octets:
    magnitude = np.minimum((np.where(linear < 0, ~linear, linear) >> 2) + 33, 0x1FFF)
    # The segment is the place of the highest bit above the five lowest.
    segment = np.floor(np.log2(magnitude)).astype(int) - 5 + 1
    code = (8 - segment) << 4 | (0xF - (magnitude >> segment & 0xF))
    coded: Octets = np.where(linear < 0, code, code | 0x80).astype(np.uint8)
    return coded


def _a_law_levels() -> Samples:
    code = np.arange(256) ^ 0x55
    exponent = code >> 4 & 7
    mantissa = ((code & 0xF) + np.where(exponent > 0, 16, 0) << 4) + 8
    level = mantissa << np.maximum(exponent - 1, 0)
    signed: Samples = np.where(code & 0x80, level, -level).astype(np.int16)
    return signed


def _a_law_codes(linear: NDArray[np.int32]) -> Octets:
    magnitude = np.where(linear < 0, ~linear, linear) >> 4
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 3, 1)
    code = np.where(magnitude > 15, (magnitude >> (exponent - 1)) - 16 + (exponent << 4), magnitude)
    return (np.where(linear < 0, code, code | 0x80) ^ 0x55).astype(np.uint8)


_LEVELS = {"mu": _mu_law_levels, "a": _a_law_levels}
_CODES = {"mu": _mu_law_codes, "a": _a_law_codes}

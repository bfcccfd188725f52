"""G.711 mu-law and A-law by table (ITU-T G.711; reference code ITU-T G.191)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def _mu_law_levels() -> Samples:
    code = ~np.arange(256) & 0xFF
    exponent = code >> 4 & 7
    level = ((((code & 0xF) << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -level, level).astype(np.int16)


def _mu_law_codes() -> NDArray[np.uint8]:
    linear = np.arange(-32768, 32768)
    magnitude = np.minimum((np.where(linear < 0, ~linear, linear) >> 2) + 33, 0x1FFF)
    # The segment is the place of the highest bit above the five lowest.
    segment = np.floor(np.log2(magnitude)).astype(int) - 5 + 1
    code = (8 - segment) << 4 | (0xF - (magnitude >> segment & 0xF))
    coded: NDArray[np.uint8] = np.where(linear < 0, code, code | 0x80).astype(np.uint8)
    return coded


def _a_law_levels() -> Samples:
    code = np.arange(256) ^ 0x55
    exponent = code >> 4 & 7
    mantissa = ((code & 0xF) + np.where(exponent > 0, 16, 0) << 4) + 8
    level = mantissa << np.maximum(exponent - 1, 0)
    signed: Samples = np.where(code & 0x80, level, -level).astype(np.int16)
    return signed


def _a_law_codes() -> NDArray[np.uint8]:
    linear = np.arange(-32768, 32768)
    magnitude = np.where(linear < 0, ~linear, linear) >> 4
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 3, 1)
    code = np.where(magnitude > 15, (magnitude >> (exponent - 1)) - 16 + (exponent << 4), magnitude)
    return (np.where(linear < 0, code, code | 0x80) ^ 0x55).astype(np.uint8)


_LEVELS = {"mu": _mu_law_levels, "a": _a_law_levels}
_CODES = {"mu": _mu_law_codes, "a": _a_law_codes}


@cache
def levels(law: str) -> Samples:
    """Give the 256 linear levels of law `mu` or `a`, by code."""
    return _LEVELS[law]()


@cache
def codes(law: str) -> NDArray[np.uint8]:
    """Give the 65536 codes of law `mu` or `a`, by linear sample plus 32768."""
    return _CODES[law]()


def encode_mu_law(samples: Samples) -> bytes:
    """Encode int16 samples, one octet each."""
    return codes("mu")[samples.astype(np.int32) + 32768].tobytes()


def decode_mu_law(data: bytes) -> Samples:
    """Decode octets to int16 samples."""
    return levels("mu")[np.frombuffer(data, dtype=np.uint8)]


def encode_a_law(samples: Samples) -> bytes:
    """Encode int16 samples, one octet each."""
    return codes("a")[samples.astype(np.int32) + 32768].tobytes()


def decode_a_law(data: bytes) -> Samples:
    """Decode octets to int16 samples."""
    return levels("a")[np.frombuffer(data, dtype=np.uint8)]

"""L16: linear samples, big-endian (RFC 3551 §4.5.11)."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def encode_l16(samples: Samples) -> bytes:
    """Encode int16 samples, two octets each."""
    return samples.astype(">i2").tobytes()


def decode_l16(data: bytes) -> Samples:
    """Decode octets to int16 samples; an odd last octet is left out."""
    return np.frombuffer(data[: len(data) & ~1], dtype=">i2").astype(np.int16)

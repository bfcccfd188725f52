"""L16: linear samples, big-endian (RFC 3551 §4.5.11)."""

from __future__ import annotations

import numpy as np

from media.codecs.codec import BadPayload, Samples


class L16Decoder:
    """Two octets, one sample; there is no state."""

    def decode(self, payload: bytes) -> Samples:
        """Samples of one packet; an odd last octet is left out. Raises BadPayload where there is no sample."""
        if len(payload) < 2:
            raise BadPayload(f"L16: {len(payload)} octet(s), a sample has two")
        return np.frombuffer(payload, dtype=">i2", count=len(payload) // 2).astype(np.int16)

    def conceal(self, samples: int) -> Samples | None:
        """None: lost packets are concealed outside."""
        return None

    def recover(self, next_payload: bytes, samples: int) -> Samples | None:
        """None: packets repeat nothing."""
        return None


class L16Encoder:
    """One sample, two octets; there is no state."""

    def encode(self, samples: Samples) -> bytes:
        """Payload of any number of samples."""
        return samples.astype(">i2").tobytes()

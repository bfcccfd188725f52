"""Codec: what is known of one, and the decoders and encoders that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from media.quality import Impairment

PAYLOAD_MOST: Final = 1400
"""Octets of a packet that still fits a datagram on any path."""

Samples = NDArray[np.int16]
Octets = NDArray[np.uint8]


class BadPayload(ValueError):
    """A payload that is none of its codec's; the message says what is wrong with it."""


class Decoder(Protocol):
    """Turns the payloads of one stream, in their order, into mono samples of one rate."""

    def decode(self, payload: bytes) -> Samples:
        """Samples of one packet. Raises BadPayload and nothing else."""

    def conceal(self, samples: int) -> Samples | None:
        """As many samples in place of a lost packet; None where the codec has no way of its own."""

    def recover(self, next_payload: bytes, samples: int) -> Samples | None:
        """The last samples before `next_payload`, as that packet repeats them; None where it does not.

        To be called before `next_payload` itself is decoded. Raises BadPayload and nothing else.
        """


class Encoder(Protocol):
    """Turns the mono samples of one stream, frame by frame, into payloads."""

    def encode(self, samples: Samples) -> bytes:
        """Payload of one packet; b"" where nothing need be sent. Raises ValueError for a length no frame has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One codec. `clock_rate` is RTP's; `rates_hz` are the sample rates that it decodes to and encodes from.

    `octets_per_ms` holds for all frames, None where their size varies. A table codec has `levels`, int16[256] by
    code, and `codes`, uint8[65536] by sample (its 16 bits read as unsigned); for the others both are None.
    """

    name: str
    clock_rate: int
    rates_hz: tuple[int, ...]
    octets_per_ms: int | None
    impairment: Impairment | None
    make_decoder: Callable[[int], Decoder]
    make_encoder: Callable[[int, str | None], Encoder]
    levels: Samples | None = None
    codes: Octets | None = None
    frames_ms: tuple[int, ...] = ()
    """Packet times that can be sent, ascending; () where any can."""

    @property
    def rate_hz(self) -> int:
        """The native sample rate."""
        return self.rates_hz[0]

    def fixed_frame_bytes(self, ptime_ms: int) -> int | None:
        """Payload octets of every packet of `ptime_ms`; None where they vary."""
        return None if self.octets_per_ms is None else self.octets_per_ms * ptime_ms

    def samples_per_frame(self, ptime_ms: int) -> int:
        """Timestamp units that one packet of `ptime_ms` covers."""
        return self.clock_rate * ptime_ms // 1000

    def packet_ms(self, ptime_ms: int) -> int:
        """The longest packet of at most `ptime_ms` that can be sent: a frame of the codec, and no datagram too large.

        `a=ptime` is a wish (RFC 8866 §6.4), and no receiver may mind shorter packets.
        """
        if self.octets_per_ms is not None:
            while self.octets_per_ms * ptime_ms > PAYLOAD_MOST:
                ptime_ms -= 10
        if not self.frames_ms:
            return ptime_ms
        return max((one for one in self.frames_ms if one <= ptime_ms), default=self.frames_ms[0])

    def decoder(self, rate_hz: int) -> Decoder:
        """A decoder of one stream. Raises ValueError for a rate that is none of `rates_hz`."""
        self._check(rate_hz)
        return self.make_decoder(rate_hz)

    def encoder(self, rate_hz: int, fmtp: str | None = None) -> Encoder:
        """An encoder of one stream to a receiver that described the format with `fmtp`.

        Raises ValueError for a rate that is none of `rates_hz`; unknown parameters and values are passed over.
        """
        self._check(rate_hz)
        return self.make_encoder(rate_hz, fmtp)

    def decode_rows(self, octets: Octets) -> Samples:
        """Samples of many streams at once, of the same shape; for table codecs only. Raises ValueError."""
        if self.levels is None:
            raise ValueError(f"{self.name} keeps a state for each stream; use decoder()")
        return self.levels.take(octets)

    def encode_rows(self, samples: Samples) -> Octets:
        """Codes of many streams at once, of the same shape; for table codecs only. Raises ValueError."""
        if self.codes is None:
            raise ValueError(f"{self.name} keeps a state for each stream; use encoder()")
        return self.codes.take(samples.view(np.uint16))

    def _check(self, rate_hz: int) -> None:
        if rate_hz not in self.rates_hz:
            allowed = ", ".join(map(str, self.rates_hz))
            raise ValueError(f"{self.name} at {rate_hz} Hz (allowed: {allowed}); resample first")

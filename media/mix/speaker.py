"""Speaker: frames of a room turned into the payloads of one listener, in its codec and packet time."""

from __future__ import annotations

import numpy as np

from media.codecs import CODECS, Samples
from media.mix.delay import TICK_MS
from media.mix_state import Heard


class Speaker:
    """Encodes for one listener, or for all that hear the same; `rate_hz` is that of the samples it takes."""

    def __init__(self, speak: Heard, ptime_ms: int, rate_hz: int) -> None:
        self.codec = CODECS[speak.codec]
        self.payload_type = speak.payload_type
        self.rate_hz = rate_hz
        ptime_ms = self.codec.packet_ms(ptime_ms)
        self.units = self.codec.samples_per_frame(ptime_ms)
        self.batched = self.codec.codes is not None and ptime_ms == TICK_MS
        """Whether a whole frame is one look into the codec's table, to be done for many listeners at once."""
        self.shareable = TICK_MS % ptime_ms == 0
        """Whether no packet spans two ticks: only then may another speaker go on where this one stopped."""
        self._encoder = self.codec.encoder(rate_hz, speak.fmtp)
        self._count = rate_hz * ptime_ms // 1000
        self._rest = np.zeros(0, dtype=np.int16)

    def payloads(self, samples: Samples) -> list[bytes]:
        """The packets that are complete with these 20 ms: none, one or two; b"" is a packet that need not be sent."""
        if len(samples) == self._count and not len(self._rest):
            return [self._encoder.encode(samples)]
        waiting = np.concatenate([self._rest, samples])
        whole = len(waiting) // self._count
        self._rest = waiting[whole * self._count :]
        return [self._encoder.encode(waiting[at * self._count : (at + 1) * self._count]) for at in range(whole)]


def speaking_rate(codec: str, room_hz: int) -> int:
    """The sample rate at which a codec is best spoken in a room: the room's own where it can."""
    rates = CODECS[codec].rates_hz
    return room_hz if room_hz in rates else rates[0]

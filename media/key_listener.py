"""Key listener: telephone events of one incoming stream, each key reported once (RFC 4733 §2.5.2)."""

from dataclasses import dataclass, field
from typing import Final

from media.digits import SEGMENT_UNITS, digit_of
from media.rtp import RtpPacket

CEASED_S: Final = 0.12
"""Without packets for so long a key counts as released: its end was lost."""

_LATE_S: Final = 2.0
_SLACK: Final = 0x1000
_SPACE_S: Final = 0.05
_BURST: Final = 32
_FLASH_CODE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPress:
    """One key, when it was released."""

    digit: str
    duration_ms: int


@dataclass(slots=True)
class _Key:
    code: int
    rate_hz: int
    timestamp: int
    duration: int
    earlier: int = 0
    active: bool = True


@dataclass(slots=True)
class KeyListener:
    """Hears packets of events, gives keys; more than 32 at once, or one each 50 ms, are counted in `dropped`."""

    dropped: int = 0
    _key: _Key | None = None
    _sequence: int = 0
    _heard_s: float = 0.0
    _brake_s: float = 0.0
    _done: list[KeyPress] = field(default_factory=list)

    def hear(self, packet: RtpPacket, rate_hz: int, now: float) -> list[KeyPress]:
        """Take one packet of an event whose clock runs at `rate_hz`; gives the keys that ended by it."""
        if len(packet.payload) >= 4 and packet.payload[0] <= _FLASH_CODE:
            self._take(packet, rate_hz, now)
        return self._taken()

    def begin(self, now: float) -> list[KeyPress]:
        """Another stream begins: its numbers say nothing of the key before."""
        self._end(now)
        self._key = None
        return self._taken()

    def ceased(self, now: float) -> list[KeyPress]:
        """End a key whose packets have ceased."""
        if now - self._heard_s > CEASED_S:
            self._end(now)
        return self._taken()

    def _take(self, packet: RtpPacket, rate_hz: int, now: float) -> None:
        key = self._key
        duration = int.from_bytes(packet.payload[2:4], "big")
        ahead = (packet.sequence - self._sequence) & 0xFFFF
        newer = key is None or 0 < ahead < 0x8000 or now - self._heard_s > _LATE_S
        step = 0 if key is None else (packet.timestamp - key.timestamp) & 0xFFFFFFFF
        if key is not None and step == 0:
            if not key.active:
                return
            self._update(key, duration, newer)
        elif not newer:
            # Late: of a key that is over.
            return
        elif key is not None and self._goes_on(key, packet, step):
            # §2.5.1.3: a key held longer than the duration can say goes on in another segment.
            key.earlier += step
            key.timestamp = packet.timestamp
            key.duration = duration
        else:
            self._end(now)
            self._key = _Key(code=packet.payload[0], rate_hz=rate_hz, timestamp=packet.timestamp, duration=duration)
        if newer:
            self._sequence = packet.sequence
        self._heard_s = now
        if packet.payload[1] & 0x80:
            self._end(now)

    @staticmethod
    def _update(key: _Key, duration: int, newer: bool) -> None:
        if newer and duration < _SLACK and key.duration > SEGMENT_UNITS - _SLACK:
            # A sender that lets the sixteen bits run over.
            key.earlier += SEGMENT_UNITS + 1
        if newer or duration > key.duration:
            key.duration = duration

    @staticmethod
    def _goes_on(key: _Key, packet: RtpPacket, step: int) -> bool:
        same = key.active and key.code == packet.payload[0] and not packet.marker
        return same and SEGMENT_UNITS - _SLACK <= step <= SEGMENT_UNITS + 1

    def _end(self, now: float) -> None:
        key = self._key
        if key is None or not key.active:
            return
        key.active = False
        self._brake_s = max(self._brake_s, now)
        if self._brake_s - now >= _BURST * _SPACE_S:
            self.dropped += 1
            return
        self._brake_s += _SPACE_S
        duration_ms = (key.earlier + key.duration) * 1000 // key.rate_hz
        self._done.append(KeyPress(digit=digit_of(key.code), duration_ms=duration_ms))

    def _taken(self) -> list[KeyPress]:
        taken, self._done = self._done, []
        return taken

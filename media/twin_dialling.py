"""Twin dialling: digits that a port sends as events, one packet each 20 ms (RFC 4733 §2.5.1); knows no port."""

from dataclasses import dataclass
from typing import Final

from media.digits import MORE_ENDS, SEGMENT_UNITS, STEP_MS, event_of
from media.port_state import SentDigits
from media.rtp import RtpPacket

CATCH_UP: Final = 5
_VOLUME: Final = 10
_STEP_S: Final = STEP_MS / 1000.0


@dataclass(slots=True)
class Dialling:
    """Digits under way; timestamps and sequence numbers count from nought. `due` is in monotonic seconds."""

    wanted: SentDigits
    due: float
    at: int = 0
    step: int = 0
    start: int = 0
    sequence: int = 0

    @property
    def done(self) -> bool:
        """Whether the last end has gone out."""
        return self.at >= len(self.wanted.digits)

    def next(self) -> RtpPacket | None:
        """The packet of this step (None: a pause), and on to the next.

        Updates, the end at the last of them, the end twice more, then silence until the next digit.
        """
        steps, packet = self.wanted.steps, None
        if self.step < steps + MORE_ENDS:
            ended = self.step + 1 >= steps
            units = self._units(self.wanted.duration_ms) if ended else (self.step + 1) * self._units(STEP_MS)
            packet = self._packet(units, ended)
        self.step += 1
        self.due += _STEP_S
        if self.at + 1 == len(self.wanted.digits) and self.step == steps + MORE_ENDS:
            self.at += 1
        elif self.step == self.wanted.period:
            self.step = 0
            self.at += 1
            self.start += self.wanted.period * self._units(STEP_MS)
        return packet

    def cut(self) -> list[RtpPacket]:
        """The ends of a digit under way: without them the far end would hear it for ever."""
        if self.done or not 0 < self.step < self.wanted.steps:
            return []
        return [self._packet(self.step * self._units(STEP_MS), ended=True) for _ in range(1 + MORE_ENDS)]

    def _units(self, length_ms: int) -> int:
        return self.wanted.clock_rate * length_ms // 1000

    def _packet(self, units: int, ended: bool) -> RtpPacket:
        # §2.5.1.3: sixteen bits of duration; a longer event is a row of segments without a marker.
        segment = (units - 1) // SEGMENT_UNITS
        head = bytes([event_of(self.wanted.digits[self.at]), _VOLUME | (0x80 if ended else 0)])
        packet = RtpPacket(
            payload_type=self.wanted.payload_type,
            sequence=self.sequence & 0xFFFF,
            timestamp=(self.start + segment * SEGMENT_UNITS) & 0xFFFFFFFF,
            ssrc=0,
            payload=head + (units - segment * SEGMENT_UNITS).to_bytes(2, "big"),
            marker=self.step == 0,
        )
        self.sequence += 1
        return packet

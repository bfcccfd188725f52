"""Twin tap: what passes a port of the Python data path, kept until the tap writer takes it."""

from dataclasses import dataclass

from media.mix_state import Tap
from media.rtp import RtpPacket
from media.tap import IN, pack_record

_ROOM = 65536


@dataclass(slots=True)
class TwinTap:
    """Records in a buffer of 64 kB; what does not fit is counted."""

    kept: bytes = b""
    lost: int = 0

    @property
    def used(self) -> bool:
        """Whether anything waits."""
        return bool(self.kept or self.lost)

    def keep(self, at_ns: int, direction: int, packet: RtpPacket, tap: Tap | None) -> None:
        """Keep a packet where the port's tap wants it."""
        if tap is None or tap.paused or (direction != IN and not tap.both):
            return
        record = pack_record(
            at_ns,
            direction,
            packet.payload,
            ssrc=packet.ssrc,
            timestamp=packet.timestamp,
            sequence=packet.sequence,
            payload_type=packet.payload_type,
            marker=packet.marker,
        )
        if len(self.kept) + len(record) > _ROOM:
            self.lost += 1
        else:
            self.kept += record

    def take(self) -> tuple[bytes, int]:
        """Take what waits: (records, how many were lost)."""
        taken = self.kept, self.lost
        self.kept, self.lost = b"", 0
        return taken

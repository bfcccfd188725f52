"""Twin stream: one outgoing SSRC whose sequence and timestamp survive every change of source; no socket."""

from dataclasses import dataclass

from media.rtp import RtpPacket


@dataclass(slots=True)
class OutgoingStream:
    """Numbers packets of changing sources as one stream; `last_out` is when timestamp `last_ts` was first sent."""

    ssrc: int = 0
    started: bool = False
    next_seq: int = 0
    last_ts: int = 0
    last_out: float | None = None
    first_out: float | None = None
    _source: object = None
    _seq_offset: int = 0
    _ts_offset: int = 0
    _withheld: int | None = None
    _marked: bool = False

    def mark(self) -> None:
        """The next packet begins a talkspurt."""
        self._marked = True

    def hold_back(self, source: object, sequence: int) -> None:
        """A packet of `source` is not sent on: what follows it must not look as if something was lost."""
        if source != self._source:
            return
        if self._withheld is None or (sequence - self._withheld) & 0xFFFF < 0x8000:
            self._withheld = sequence

    def number(self, source: object, packet: RtpPacket, now: float, rate_hz: int, *, anew: bool) -> RtpPacket:
        """The packet as it goes out; `anew`: its source jumped, so that it has to be fitted in again."""
        if source != self._source or anew:
            self._anchor(source, packet, now, rate_hz)
        elif self._withheld is not None and 0 < (packet.sequence - self._withheld) & 0xFFFF < 0x8000:
            # The sequence goes on as if what was held back had never been.
            self._seq_offset = (self.next_seq - packet.sequence) & 0xFFFF
            self._withheld, self._marked = None, True
        sequence = (packet.sequence + self._seq_offset) & 0xFFFF
        timestamp = (packet.timestamp + self._ts_offset) & 0xFFFFFFFF
        if (sequence + 1 - self.next_seq) & 0xFFFF < 0x8000:
            self.next_seq = (sequence + 1) & 0xFFFF
            # Packets of one event share its timestamp, which is that of the first of them.
            if timestamp != self.last_ts or self.last_out is None:
                self.last_ts, self.last_out = timestamp, now
        marker, self._marked = packet.marker or self._marked, False
        return RtpPacket(
            payload_type=packet.payload_type,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=self.ssrc,
            payload=packet.payload,
            marker=marker,
        )

    def _anchor(self, source: object, packet: RtpPacket, now: float, rate_hz: int) -> None:
        passed = 0
        if self.started and self.last_out is not None:
            passed = max(1, int((now - self.last_out) * rate_hz))
        else:
            # The SSRC is random; its bits serve for the first sequence number and timestamp as well.
            self.next_seq, self.last_ts = self.ssrc >> 7 & 0xFFFF, self.ssrc * 2654435761 & 0xFFFFFFFF
            self.started, self.first_out = True, now
        self._source = source
        self._seq_offset = (self.next_seq - packet.sequence) & 0xFFFF
        self._ts_offset = (self.last_ts + passed - packet.timestamp) & 0xFFFFFFFF
        self._marked, self._withheld = True, None

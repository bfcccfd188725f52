"""Reception statistics of one incoming stream (RFC 3550 §6.4.1, A.1, A.3, A.8)."""

from dataclasses import dataclass

from media.rtcp import ReportBlock

MAX_DROPOUT = 3000
MAX_MISORDER = 100


@dataclass(slots=True)
class Reception:
    """Counts sequence numbers, loss and jitter; earlier SSRCs stay in the totals."""

    ssrc: int | None = None
    max_seq: int = 0
    cycles: int = 0
    base_seq: int = 0
    bad_seq: int = 0x10001
    received: int = 0
    expected_prior: int = 0
    received_prior: int = 0
    transit: int | None = None
    jitter: float = 0.0
    last_sr: int = 0
    last_sr_s: float = 0.0
    past_expected: int = 0
    past_received: int = 0

    @property
    def expected(self) -> int:
        """Packets that the far end has sent, as far as the sequence numbers tell."""
        return self.past_expected + self._expected_now()

    @property
    def lost(self) -> int:
        """Packets that never came; negative when some came twice."""
        return self.expected - self.past_received - self.received

    def sequence_seen(self, ssrc: int, sequence: int) -> bool:
        """Count a packet; False when the stream began anew or jumped (A.1 without probation)."""
        if ssrc != self.ssrc:
            self._begin(ssrc, sequence)
            self.received = 1
            return False
        delta = (sequence - self.max_seq) & 0xFFFF
        if delta < MAX_DROPOUT:
            if sequence < self.max_seq:
                self.cycles += 0x10000
            self.max_seq = sequence
        elif delta <= 0x10000 - MAX_MISORDER:
            if sequence == self.bad_seq:
                self._begin(ssrc, sequence)
                self.received = 1
            else:
                self.bad_seq = (sequence + 1) & 0xFFFF
            return False
        self.received += 1
        return True

    def arrival_seen(self, timestamp: int, now: float, rate_hz: int) -> None:
        """Fold an arrival at monotonic second `now` into the jitter (A.8)."""
        transit = (int(now * rate_hz) - timestamp) & 0xFFFFFFFF
        if self.transit is not None:
            distance = (transit - self.transit) & 0xFFFFFFFF
            distance = min(distance, 0x100000000 - distance)
            # A leap of over ten seconds is a new timeline, not jitter.
            if distance < 10 * rate_hz:
                self.jitter += (distance - self.jitter) / 16.0
        self.transit = transit

    def block(self, now: float) -> tuple[ReportBlock, ...]:
        """Give the report block since the last one; nothing before the first packet."""
        if self.ssrc is None:
            return ()
        expected = self._expected_now()
        expected_interval = expected - self.expected_prior
        lost_interval = expected_interval - (self.received - self.received_prior)
        self.expected_prior, self.received_prior = expected, self.received
        fraction = 0
        if expected_interval > 0 and lost_interval > 0:
            fraction = min(255, (lost_interval << 8) // expected_interval)
        return (
            ReportBlock(
                ssrc=self.ssrc,
                fraction_lost=fraction,
                cumulative_lost=expected - self.received,
                highest_sequence=self.cycles + self.max_seq,
                jitter=int(self.jitter),
                last_sr=self.last_sr,
                delay=int((now - self.last_sr_s) * 65536) if self.last_sr else 0,
            ),
        )

    def _expected_now(self) -> int:
        return 0 if self.ssrc is None else self.cycles + self.max_seq - self.base_seq + 1

    def _begin(self, ssrc: int, sequence: int) -> None:
        self.past_expected += self._expected_now()
        self.past_received += self.received
        if ssrc != self.ssrc:
            self.jitter = 0.0
            self.last_sr = 0
        self.ssrc = ssrc
        self.max_seq = self.base_seq = sequence
        self.bad_seq = 0x10001
        self.cycles = self.received = self.expected_prior = self.received_prior = 0
        self.transit = None

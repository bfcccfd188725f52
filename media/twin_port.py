"""Twin port: one media port in plain Python: latch, outgoing stream, player, digits; no socket is read here."""

import random
import socket
import struct
from dataclasses import dataclass, field

from media.event import DigitReceived, DigitsSent, PortEvent, PortHeard, PortLatched, PortSilent, PortStats
from media.key_listener import KeyListener, KeyPress
from media.port_state import Address, Player, PortState
from media.reception import Reception
from media.rtp import RtpPacket, build_rtp
from media.silence_watch import SilenceWatch
from media.tap import OUT
from media.twin_dialling import CATCH_UP, Dialling
from media.twin_stream import OutgoingStream
from media.twin_tap import TwinTap

_DURABLE = struct.Struct("<QIIdHB?46sH46sHQB")


@dataclass(slots=True)
class PlayerRun:
    """A player under way: its file, where it is, and when the next frame is due (monotonic seconds)."""

    player: Player
    data: memoryview
    due: float
    position: int = 0
    sequence: int = 0
    timestamp: int = 0
    plays_left: int | None = 1

    def frame(self) -> tuple[bytes, int]:
        """The next frame's payload, and how many octets of the file it takes up."""
        head, length = 0, self.player.frame_bytes
        if not length:
            head, length = 2, self.data[self.position] | self.data[self.position + 1] << 8
        begin = self.position + head
        return bytes(self.data[begin : begin + length]), head + length


@dataclass(slots=True)
class TwinPort:
    """State and counters of one port; `slot` is its view of the shared memory."""

    id: int
    rtp: socket.socket
    rtcp: socket.socket
    slot: memoryview
    rtcp_due: float
    state: PortState = field(default_factory=PortState)
    revision: int = 0
    latched: Address | None = None
    latched_signalled: bool = False
    signalled: Address | None = None
    rtcp_latched: Address | None = None
    reception: Reception = field(default_factory=Reception)
    restarted: bool = False
    run: PlayerRun | None = None
    player_id: int | None = None
    stream: OutgoingStream = field(default_factory=OutgoingStream)
    counts: dict[str, int] = field(default_factory=dict)
    packets_reported: int = 0
    first_in: float | None = None
    last_in: float | None = None
    rtt_ms: float | None = None
    far: tuple[int, float, int] | None = None
    keys: KeyListener = field(default_factory=KeyListener)
    dialling: Dialling | None = None
    digits_id: int = 0
    digits_at: int = 0
    silence: SilenceWatch = field(default_factory=SilenceWatch)
    tap: TwinTap = field(default_factory=TwinTap)
    spoken: int = 0
    spoken_ts: int = 0
    spoken_paused: bool = False

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter named as in PortStats."""
        self.counts[name] = self.counts.get(name, 0) + by

    def recall(self, rng: random.Random) -> None:
        """Go on with what the shared memory knows of this port, or begin anew."""
        (
            owner, ssrc, last_ts, last_out, next_seq, latched_by, started, host, port, shost, sport,
            digits_id, digits_at,
        ) = _DURABLE.unpack_from(self.slot)  # fmt: skip
        if owner != self.id:
            self.stream.ssrc = rng.getrandbits(32)
            self.keep()
            return
        self.stream = OutgoingStream(
            ssrc=ssrc, last_ts=last_ts, next_seq=next_seq, started=started, last_out=last_out if started else None
        )
        self.latched = (host.rstrip(b"\0").decode(), port) if latched_by else None
        self.latched_signalled = latched_by == 2
        self.digits_id, self.digits_at = digits_id, digits_at
        self.signalled = (shost.rstrip(b"\0").decode(), sport) if sport else None

    def keep(self) -> None:
        """Write what must outlive the process into the shared memory."""
        host, port = self.latched or ("", 0)
        shost, sport = self.signalled or ("", 0)
        latched_by = 0 if self.latched is None else 2 if self.latched_signalled else 1
        stream = self.stream
        _DURABLE.pack_into(
            self.slot, 0, self.id, stream.ssrc, stream.last_ts, stream.last_out or 0.0, stream.next_seq, latched_by,
            stream.started, host.encode(), port, shost.encode(), sport, self.digits_id, self.digits_at,
        )  # fmt: skip

    def apply(self, revision: int, state: PortState, now: float) -> list[PortEvent]:
        """Take a new state; another signalled address or way of latching forgets the latch."""
        self.silence.set(state.silence_ms if state.receive else None, now)
        if state.latch != self.state.latch or state.remote_rtp != self.signalled:
            self.latched = None
            self.rtcp_latched = None
        ended = self._set_dialling(state, now)
        self.revision = revision
        self.state = state
        self.signalled = state.remote_rtp
        self.keep()
        return [DigitsSent(port_id=self.id, revision=revision, digits_id=self.digits_id)] if ended else []

    def _set_dialling(self, state: PortState, now: float) -> bool:
        # Still with the old state: a digit that is cut short ends where it began. True: all was dialled before.
        wanted, running = state.events, self.state.events
        if wanted == running or (wanted is not None and running is not None and wanted.id == running.id):
            return False
        if self.dialling is not None and self.state.send:
            for packet in self.dialling.cut():
                self.emit(("digits", self.digits_id), packet, now)
        self.dialling = None
        known = wanted is not None and wanted.id == self.digits_id
        # Another worker began it: what has been dialled is not dialled again.
        self.digits_at = self.digits_at if known else 0
        self.digits_id = 0 if wanted is None else wanted.id
        if wanted is not None and self.digits_at < len(wanted.digits):
            self.dialling = Dialling(wanted=wanted, due=now, at=self.digits_at)
        return wanted is not None and self.dialling is None

    def is_event(self, payload_type: int) -> bool:
        """Whether packets of that type are telephone events; never a static number (RFC 3551 §6)."""
        return payload_type > 34 and any(payload_type == number for number, _ in self.state.event_types)

    def hear_key(self, packet: RtpPacket, now: float) -> list[PortEvent]:
        """Take a packet of a telephone event; gives the keys that ended."""
        rate_hz = dict(self.state.event_types)[packet.payload_type]
        return self._reported(self.keys.hear(packet, rate_hz, now))

    def new_stream(self, now: float) -> list[PortEvent]:
        """Another stream begins at the far end."""
        return self._reported(self.keys.begin(now))

    def _reported(self, keys: list[KeyPress]) -> list[PortEvent]:
        return [
            DigitReceived(port_id=self.id, revision=self.revision, digit=key.digit, duration_ms=key.duration_ms)
            for key in keys
        ]

    def watch(self, now: float) -> list[PortEvent]:
        """Look for silence, for its end, and for keys whose end was lost."""
        events = self._reported(self.keys.ceased(now))
        change = self.silence.look(self.last_in, now)
        if change == "silent":
            silent_ms = self.silence.silent_ms
            events.append(PortSilent(port_id=self.id, revision=self.revision, silent_ms=silent_ms))
        elif change == "heard":
            events.append(PortHeard(port_id=self.id, revision=self.revision))
        return events

    def dial(self, now: float) -> tuple[list[PortEvent], int]:
        """Send the events that are due; gives (events, re-anchors)."""
        dialling = self.dialling
        if dialling is None or not self.state.send or self.target() is None:
            if dialling is not None:
                dialling.due = now
            return [], 0
        for _ in range(CATCH_UP):
            if dialling.due > now:
                return [], 0
            packet = dialling.next()
            self.digits_at = dialling.at
            if packet is not None:
                self.emit(("digits", self.digits_id), packet, now)
            if dialling.done:
                self.dialling = None
                return [DigitsSent(port_id=self.id, revision=self.revision, digits_id=self.digits_id)], 0
        if dialling.due > now:
            return [], 0
        dialling.due = now + 0.02
        return [], 1

    def target(self) -> Address | None:
        """Where RTP goes: the latched address, else the signalled one (RFC 4961)."""
        return self.latched if self.state.latch == "auto" and self.latched else self.state.remote_rtp

    def admit(self, source: Address, now: float, silence_s: float) -> tuple[bool, PortLatched | None]:
        """Say whether a valid packet's source may speak, and whether it was latched just now."""
        if self.latched is not None and (source == self.latched or self.state.latch == "off"):
            return True, None
        signalled = source == self.state.remote_rtp
        if self.state.latch == "strict" and not signalled:
            return False, None
        silent = self.last_in is None or now - self.last_in > silence_s
        if not (
            self.latched is None or self.state.latch == "strict" or (signalled and not self.latched_signalled) or silent
        ):
            return False, None
        self.latched, self.latched_signalled, self.rtcp_latched = source, signalled, None
        self.keep()
        return True, PortLatched(port_id=self.id, revision=self.revision, host=source[0], port=source[1])

    def emit(self, source: object, packet: RtpPacket, now: float, *, anew: bool = False) -> None:
        """Send a packet of `source` as part of this port's one outgoing stream."""
        target = self.target()
        if target is None:
            return
        out = self.stream.number(source, packet, now, self.state.clock_rate, anew=anew)
        self.count("packets_sent")
        self.count("octets_sent", len(packet.payload))
        self.tap.keep(int(now * 1e9), OUT, out, self.state.tap)
        self.transmit(self.rtp, build_rtp(out), target)
        self.keep()

    def speak(self, payload: bytes, units: int, payload_type: int, now: float) -> None:
        """Send a frame of the mix path; b"" only lets the time pass."""
        begun, self.spoken_ts = self.spoken_ts, (self.spoken_ts + units) & 0xFFFFFFFF
        silent = not payload or self.run is not None or self.dialling is not None or not self.state.send
        if silent or self.target() is None:
            self.spoken_paused = True
            return
        if self.spoken_paused:
            self.stream.mark()
            self.spoken_paused = False
        packet = RtpPacket(
            payload_type=payload_type, sequence=self.spoken & 0xFFFF, timestamp=begun, ssrc=0, payload=payload
        )
        self.spoken += 1
        self.emit(("mix", self.id), packet, now)

    def play(self, now: float) -> tuple[bool, int]:
        """Send the frames that are due; gives (finished, re-anchors)."""
        run = self.run
        if run is None or not self.state.send or self.target() is None or self.dialling is not None:
            if run is not None:
                run.due = now
            return False, 0
        player = run.player
        for _ in range(CATCH_UP):
            if run.due > now:
                return False, 0
            payload, taken = run.frame()
            packet = RtpPacket(
                payload_type=player.payload_type,
                sequence=run.sequence & 0xFFFF,
                timestamp=run.timestamp & 0xFFFFFFFF,
                ssrc=0,
                payload=payload,
            )
            if payload:
                self.emit(("player", player.id), packet, now)
                run.sequence += 1
            run.timestamp += player.samples_per_frame
            run.due += player.ptime_ms / 1000.0
            run.position += taken
            if run.position + (player.frame_bytes or 2) > len(run.data):
                run.position = 0
                if run.plays_left is not None:
                    run.plays_left -= 1
            if run.plays_left == 0:
                self.run = None
                return True, 0
        if run.due > now:
            return False, 0
        missed = int((now - run.due) * 1000.0 // player.ptime_ms) + 1
        run.due += missed * player.ptime_ms / 1000.0
        run.timestamp += missed * player.samples_per_frame
        self.stream.mark()
        return False, 1

    def transmit(self, sender: socket.socket, data: bytes, target: Address) -> bool:
        """Send a datagram; False where the kernel refused it (and it was counted)."""
        try:
            sender.sendto(data, target)
        except (OSError, OverflowError):
            self.count("dropped_send")
            return False
        return True

    def stats(self, now: float) -> PortStats:
        """Give the counts as of monotonic second `now`."""
        expected, lost = self.reception.expected, self.reception.lost
        far = self.far or (None, None, None)
        return PortStats(
            clock_rate=self.state.clock_rate,
            expected=expected,
            lost=lost,
            fraction_lost=max(0.0, lost / expected) if expected else 0.0,
            jitter=self.reception.jitter,
            rtt_ms=self.rtt_ms,
            far_lost=far[0],
            far_fraction_lost=far[1],
            far_jitter=far[2],
            latched_host=None if self.latched is None else self.latched[0],
            latched_port=None if self.latched is None else self.latched[1],
            ssrc_in=self.reception.ssrc,
            ssrc_out=self.stream.ssrc if self.stream.started else None,
            first_received_s=self.first_in,
            last_received_s=self.last_in,
            first_sent_s=self.stream.first_out,
            last_sent_s=self.stream.last_out,
            received_ago_ms=_ms_ago(self.last_in, now),
            sent_ago_ms=_ms_ago(self.stream.last_out, now),
            dropped_digits=self.keys.dropped,
            **self.counts,
        )


def _ms_ago(at: float | None, now: float) -> int | None:
    return None if at is None else max(0, int((now - at) * 1000.0))

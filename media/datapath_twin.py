"""Pure-Python twin of the compiled data path: the same contract, not the same speed."""

import ipaddress
import os
import random
import select
import socket
import threading
import time
from collections import deque

from media.event import PlayerFinished, PortClosed, PortEvent, PortStats
from media.frame_rows import Arrival, Spoken
from media.payload_map import PayloadFiles
from media.player_cue import cue
from media.port_state import Address, BadPortState, PortState
from media.rtp import MalformedRtp, RtpPacket, parse_rtp
from media.tap import IN
from media.twin_port import PlayerRun, TwinPort
from media.twin_reports import hear_report, send_report
from media.worker_protocol import SLOT_BYTES

_BUFFER_BYTES = 2048
_TICK_S = 0.005


class TwinDatapath:
    """All ports of one worker, moved by one Python thread; counters survive no restart, streams do."""

    def __init__(
        self,
        *,
        memory: object,
        seed: int,
        relay_window_us: int = 300,
        silence_s: float = 2.0,
        rtcp_interval_s: float = 5.0,
        gather_from_calls: int = 50,
    ) -> None:
        self._memory = memoryview(memory).cast("B")  # type: ignore[arg-type]
        self._rng = random.Random(seed)
        self._window_s = relay_window_us / 1e6
        self._silence_s = silence_s
        self._rtcp_s = rtcp_interval_s
        self._gather_from = 2 * gather_from_calls
        self._lock = threading.Lock()
        self._ports: dict[int, TwinPort] = {}
        self._by_fd: dict[int, tuple[TwinPort, bool]] = {}
        self._files = PayloadFiles()
        self._events: deque[PortEvent] = deque()
        self._arrivals: list[Arrival] = []
        self._rests: dict[int, tuple[bytes, int]] = {}
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._active = 0
        self._housekeeping_s = min(0.1, rtcp_interval_s / 4)
        self._housekeeping_due = 0.0
        self._totals = {"wakes": 0, "datagrams": 0, "reanchors": 0}

    @property
    def event_fd(self) -> int:
        """An eventfd that is readable while events wait."""
        return self._event_fd

    def start(self) -> None:
        """Start the relay thread."""
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close every port and end the relay thread; `events` may be taken once more."""
        for port_id in list(self._ports):
            self.close(port_id)
        self._stopping = True
        os.eventfd_write(self._wake_fd, 1)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._epoll.close()
            os.close(self._wake_fd)

    def open(self, port_id: int, rtp_fd: int, rtcp_fd: int, slot: int) -> None:
        """Take over two bound UDP sockets as port `port_id`; `slot` is its place in the shared memory."""
        if port_id in self._ports or port_id == 0:
            raise ValueError(f"port {port_id} is open already; ids are never used twice")
        if (slot + 1) * SLOT_BYTES > len(self._memory):
            raise ValueError(f"port {port_id}: slot {slot} lies outside the shared memory")
        with self._lock:
            port = TwinPort(
                id=port_id,
                rtp=socket.socket(fileno=rtp_fd),
                rtcp=socket.socket(fileno=rtcp_fd),
                slot=self._memory[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES],
                rtcp_due=time.monotonic() + self._rtcp_s * self._rng.uniform(0.25, 0.75),
            )
            port.recall(self._rng)
            self._ports[port_id] = port
        os.eventfd_write(self._wake_fd, 1)

    def put(self, port_id: int, revision: int, state: PortState) -> None:
        """Make `state` the port's state; an old revision changes nothing. Raises KeyError, BadPortState."""
        port = self._ports[port_id]
        if revision <= port.revision:
            return
        for address in (state.remote_rtp, state.remote_rtcp):
            _check_address(address)
        if not 1000 <= state.clock_rate <= 384000:
            raise BadPortState(f"port {port_id}: clock rate {state.clock_rate} Hz; give 1000..384000")
        for _, rate_hz in state.event_types:
            if not 1000 <= rate_hz <= 384000:
                raise BadPortState(f"port {port_id}: event clock rate {rate_hz} Hz; give 1000..384000")
        with self._lock:
            if port.revision == 0:
                self._listen(port)
            self._tell_all(port.apply(revision, state, time.monotonic()))
            self._set_player(port)
        os.eventfd_write(self._wake_fd, 1)

    def _listen(self, port: TwinPort) -> None:
        # Only from the first put on: what came before (while a worker was started anew) waits in the sockets.
        for sock, control in ((port.rtp, False), (port.rtcp, True)):
            self._by_fd[sock.fileno()] = (port, control)
            self._epoll.register(sock, select.EPOLLIN)

    def _set_player(self, port: TwinPort) -> None:
        player = port.state.player
        if player is None:
            port.run = port.player_id = None
            return
        if player.id == port.player_id:
            return
        port.run, port.player_id = None, player.id
        try:
            data, position = cue(self._files, player, time.monotonic_ns() // 1_000_000)
        except (OSError, ValueError) as problem:
            self._tell(PlayerFinished(port_id=port.id, revision=port.revision, player_id=player.id, error=str(problem)))
            return
        plays = None if player.plays is None else max(1, player.plays)
        port.run = PlayerRun(player=player, data=data, position=position, due=time.monotonic(), plays_left=plays)

    def close(self, port_id: int) -> None:
        """Say goodbye, close the sockets, and leave a PortClosed event. Raises KeyError."""
        port = self._ports[port_id]
        with self._lock:
            if port.counts.get("packets_sent") or port.counts.get("rtcp_sent"):
                send_report(port, time.monotonic(), time.time(), goodbye=True)
            self._shut(port)
            if port.tap.used:
                self._rests[port_id] = port.tap.take()
            port.slot[:8] = bytes(8)
        self._tell(PortClosed(port_id=port_id, revision=port.revision, stats=port.stats(time.monotonic())))

    def forget(self, port_id: int) -> None:
        """Close the sockets and say nothing: another worker goes on with the port. Raises KeyError."""
        with self._lock:
            self._shut(self._ports[port_id])

    def _shut(self, port: TwinPort) -> None:
        for sock in (port.rtp, port.rtcp):
            if self._by_fd.pop(sock.fileno(), None) is not None:
                self._epoll.unregister(sock)
            sock.close()
        del self._ports[port.id]

    def stats(self, port_id: int) -> PortStats:
        """PortStats of an open port as of now. Raises KeyError."""
        with self._lock:
            return self._ports[port_id].stats(time.monotonic())

    def arrivals(self) -> list[Arrival]:
        """Take what came for the mix path, in order of arrival."""
        with self._lock:
            taken, self._arrivals = self._arrivals, []
        return taken

    def speak(self, frames: list[Spoken]) -> None:
        """Send frames of the mix path as part of their ports' outgoing streams."""
        with self._lock:
            now = time.monotonic()
            for port_id, payload, units, payload_type in frames:
                port = self._ports.get(port_id)
                if port is not None:
                    port.speak(payload, units, payload_type, now)

    def tapped(self, port_id: int) -> tuple[bytes, int]:
        """Take what a port's tap holds: (records, records lost since the last time). Raises KeyError."""
        rest = self._rests.pop(port_id, None)
        if rest is not None:
            return rest
        with self._lock:
            return self._ports[port_id].tap.take()

    def events(self) -> list[PortEvent]:
        """Take the events that wait, oldest first."""
        with self._lock:
            taken = list(self._events)
            self._events.clear()
            if taken:
                os.eventfd_read(self._event_fd)
        return taken

    def counters(self) -> dict[str, int]:
        """Totals: wakes, datagrams, reanchors, events_lost, arrivals_lost, ports, active_ports, players."""
        return {
            **self._totals,
            "events_lost": 0,
            "arrivals_lost": 0,
            "ports": len(self._ports),
            "active_ports": self._active,
            "players": sum(port.run is not None for port in list(self._ports.values())),
        }

    def _tell(self, event: PortEvent) -> None:
        self._events.append(event)
        os.eventfd_write(self._event_fd, 1)

    def _tell_all(self, events: list[PortEvent]) -> None:
        for event in events:
            self._tell(event)

    def _run(self) -> None:
        while not self._stopping:
            ready = self._epoll.poll(self._wait_s())
            with self._lock:
                now = time.monotonic()
                self._totals["wakes"] += 1
                for fd, _ in ready:
                    if fd == self._wake_fd:
                        os.eventfd_read(fd)
                    elif fd in self._by_fd:
                        port, control = self._by_fd[fd]
                        self._drain(port, control=control, now=now)
                self._tick(now)
            if self._window_s and self._active >= self._gather_from:
                time.sleep(self._window_s)

    def _wait_s(self) -> float | None:
        if not self._ports:
            return None
        if any(port.run is not None or port.dialling is not None for port in list(self._ports.values())):
            return _TICK_S
        return self._housekeeping_s

    def _drain(self, port: TwinPort, *, control: bool, now: float) -> None:
        try:
            data, source = (port.rtcp if control else port.rtp).recvfrom(_BUFFER_BYTES + 1)
        except BlockingIOError:
            return
        self._totals["datagrams"] += 1
        if control:
            if hear_report(port, data, source[:2], now, time.time()) and port.state.latch == "auto":
                port.rtcp_latched = source[:2]
        else:
            self._receive(port, data, source[:2], now)

    def _receive(self, port: TwinPort, data: bytes, source: Address, now: float) -> None:
        try:
            if len(data) > _BUFFER_BYTES:
                raise MalformedRtp(f"datagram of over {_BUFFER_BYTES} bytes")
            packet = parse_rtp(data)
        except MalformedRtp:
            port.count("dropped_malformed")
            return
        if 64 <= packet.payload_type <= 95:
            # RFC 5761 §4: RTCP on the RTP port; it neither latches nor is relayed.
            hear_report(port, data, source, now, time.time())
            return
        if port.state.accept and packet.payload_type not in port.state.accept:
            port.count("dropped_payload_type")
            return
        admitted, latched = port.admit(source, now, self._silence_s)
        if not admitted:
            port.count("dropped_foreign")
            return
        if latched is not None:
            self._tell(latched)
        port.first_in = port.first_in or now
        port.last_in = now
        port.count("packets_received")
        port.count("octets_received", len(packet.payload))
        if not port.reception.sequence_seen(packet.ssrc, packet.sequence):
            port.restarted = True
            if port.reception.received == 1:
                self._tell_all(port.new_stream(now))
        event = port.is_event(packet.payload_type)
        if not event:
            # Packets of one event share a timestamp, which says nothing of jitter.
            port.reception.arrival_seen(packet.timestamp, now, port.state.clock_rate)
        if not port.state.receive:
            return
        if event and port.state.digits != "pass":
            self._tell_all(port.hear_key(packet, now))
            if port.state.digits == "withhold":
                self._keep(port, packet, now)
                peer = self._ports.get(port.state.relay_to or 0)
                if peer is not None:
                    peer.stream.hold_back((port.id, packet.ssrc), packet.sequence)
                return
        self._keep(port, packet, now)
        self._relay(port, packet, now)

    def _keep(self, port: TwinPort, packet: RtpPacket, now: float) -> None:
        """Keep a packet for the mix path and for the recording."""
        at_ns = int(now * 1e9)
        if port.state.wants_frames:
            self._arrivals.append((
                port.id, at_ns, packet.ssrc, packet.sequence, packet.timestamp, packet.payload_type, packet.marker,
                packet.payload,
            ))  # fmt: skip
        port.tap.keep(at_ns, IN, packet, port.state.tap)

    def _relay(self, port: TwinPort, packet: RtpPacket, now: float) -> None:
        peer = self._ports.get(port.state.relay_to or 0)
        if peer is None or not peer.state.send or peer.run is not None or peer.dialling is not None:
            return
        if peer.target() is None:
            return
        payload_type = packet.payload_type
        if port.state.payload_map:
            mapped = dict(port.state.payload_map).get(payload_type)
            if mapped is None:
                port.count("dropped_payload_type")
                return
            payload_type = mapped
        out = RtpPacket(
            payload_type=payload_type,
            sequence=packet.sequence,
            timestamp=packet.timestamp,
            ssrc=packet.ssrc,
            payload=packet.payload,
            marker=packet.marker,
        )
        peer.emit((port.id, packet.ssrc), out, now, anew=port.restarted)
        port.restarted = False

    def _tick(self, now: float) -> None:
        for port in self._ports.values():
            sent, reanchors = port.dial(now)
            self._totals["reanchors"] += reanchors
            self._tell_all(sent)
            if port.run is not None and port.run.due <= now:
                player_id = port.run.player.id
                finished, reanchors = port.play(now)
                self._totals["reanchors"] += reanchors
                if finished:
                    self._tell(PlayerFinished(port_id=port.id, revision=port.revision, player_id=player_id))
        if now < self._housekeeping_due:
            return
        self._housekeeping_due = now + self._housekeeping_s
        self._active = 0
        for port in self._ports.values():
            self._active += port.last_in is not None and now - port.last_in < 1.0
            self._tell_all(port.watch(now))
            if now >= port.rtcp_due:
                send_report(port, now, time.time())
                port.rtcp_due = now + self._rtcp_s * self._rng.uniform(0.5, 1.5)


def _check_address(address: Address | None) -> None:
    if address is None:
        return
    host, port = address
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise BadPortState(f"remote address {address!r}: give a numeric IPv4 or IPv6 host") from error
    if not 0 < port < 65536:
        raise BadPortState(f"remote address {address!r}: the port must be 1..65535")

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled data path: one relay thread without the interpreter lock moves the packets of all ports."""

import os
import threading
from collections import deque

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from media._dialling cimport cut_dialling, drop_dialling
from media._latch cimport aim
from media._loop cimport lock, relay_loop, set_timer, unlock
from media._player cimport drop_player
from media._port cimport (
    AF_INET, AF_INET6, Address, Arrival, CLOCK_MONOTONIC, CNAME_BYTES, DIGITS_COPY, DIGITS_PASS, DIGITS_WITHHOLD, Dialling,
    Durable, EFD_CLOEXEC, EFD_NONBLOCK, EPOLLET, EPOLLIN, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EVENT_DIGIT,
    EVENT_FORMATS, EVENT_HEARD, EVENT_LATCHED, EVENT_SENT, EVENT_SILENT, Engine, Event, Key, LATCH_AUTO, LATCH_OFF,
    LATCH_STRICT, MAP_DROP, NOT_LATCHED, Player, Port, SINK_FRAMES, SINK_PEER, SINK_TAP, SLOT_BYTES,
    SPOKEN_AT_ONCE, TAP_IN, TAP_OUT, TAP_ROOM, TFD_CLOEXEC, TFD_NONBLOCK, draw,
    epoll_create1, epoll_ctl, epoll_event, eventfd, eventfd_read, eventfd_write, family_of, htons, inet_ntop,
    inet_pton, monotonic_ns, note_source, port_of, pthread_mutex_destroy, pthread_mutex_init, same_address, timerfd_create,
    close as close_fd,
)
from media._reception cimport expected_of, received_of
from media._relay cimport report
from media._stream cimport anchor, send_rtp

from media.digits import STEP_MS, digit_of, event_of
from media.event import (
    DigitReceived, DigitsSent, PlayerFinished, PortClosed, PortHeard, PortLatched, PortSilent, PortStats,
)
from media.payload_map import PayloadFiles
from media.player_cue import cue
from media.port_state import BadPortState

if sizeof(Durable) > SLOT_BYTES:
    raise ImportError("media/_port.pxd: Durable outgrew SLOT_BYTES; raise it there and in media/datapath.py")

cdef dict DIGITS = {"pass": DIGITS_PASS, "copy": DIGITS_COPY, "withhold": DIGITS_WITHHOLD}
cdef dict LATCHES = {"auto": LATCH_AUTO, "strict": LATCH_STRICT, "off": LATCH_OFF}


cdef int parse_address(object pair, Address* out) except -1:
    cdef bytes host
    memset(out, 0, sizeof(Address))
    if pair is None:
        return 0
    host = pair[0].encode("ascii", "replace")
    number = pair[1]
    if not 0 < number < 65536:
        raise BadPortState(f"remote address {pair!r}: the port must be 1..65535")
    if inet_pton(AF_INET, host, <uint8_t*>out + 4) == 1:
        (<uint16_t*>out)[0] = AF_INET
    elif inet_pton(AF_INET6, host, <uint8_t*>out + 8) == 1:
        (<uint16_t*>out)[0] = AF_INET6
    else:
        memset(out, 0, sizeof(Address))
        raise BadPortState(f"remote address {pair!r}: give a numeric IPv4 or IPv6 host")
    (<uint16_t*>out)[1] = htons(number)
    return 0


cdef object host_of(const Address* address):
    cdef char text[64]
    cdef const uint8_t* raw = <const uint8_t*>address
    cdef const void* host = raw + 4 if family_of(address) == AF_INET else raw + 8
    if family_of(address) == 0 or inet_ntop(family_of(address), host, text, 64) == NULL:
        return None
    return text.decode("ascii")


cdef object seconds_or_none(uint64_t at_ns):
    return at_ns / 1e9 if at_ns else None


cdef object ms_ago(uint64_t at_ns, uint64_t now_ns):
    if not at_ns:
        return None
    return (now_ns - at_ns) // 1000000 if now_ns > at_ns else 0


cdef object stats_of(Port* port):
    cdef Durable* d = port.durable
    cdef uint64_t now_ns = monotonic_ns()
    cdef int64_t expected = expected_of(&d.reception)
    cdef int64_t lost = expected - received_of(&d.reception)
    latched = host_of(&d.latched) if d.latched_by else None
    return PortStats(
        clock_rate=port.clock_rate,
        packets_received=d.packets_in,
        octets_received=d.octets_in,
        packets_sent=d.packets_out,
        octets_sent=d.octets_out,
        expected=expected,
        lost=lost,
        fraction_lost=max(0.0, lost / expected) if expected else 0.0,
        jitter=d.reception.jitter16 / 16.0,
        rtt_ms=d.rtt_ns / 1e6 if d.rtt_ns else None,
        far_lost=d.far_lost if d.far_reported else None,
        far_fraction_lost=d.far_fraction / 256.0 if d.far_reported else None,
        far_jitter=d.far_jitter if d.far_reported else None,
        dropped_foreign=d.dropped_foreign,
        dropped_malformed=d.dropped_malformed,
        dropped_payload_type=d.dropped_payload_type,
        dropped_send=d.dropped_send,
        dropped_digits=d.dropped_digits,
        rtcp_received=d.rtcp_in,
        rtcp_sent=d.rtcp_out,
        latched_host=latched,
        latched_port=port_of(&d.latched) if latched is not None else None,
        ssrc_in=d.reception.ssrc if d.reception.known else None,
        ssrc_out=d.ssrc if d.packets_out else None,
        first_received_s=seconds_or_none(d.first_in_ns),
        last_received_s=seconds_or_none(d.last_in_ns),
        first_sent_s=seconds_or_none(d.first_out_ns),
        last_sent_s=seconds_or_none(d.last_ns),
        received_ago_ms=ms_ago(d.last_in_ns, now_ns),
        sent_ago_ms=ms_ago(d.last_ns, now_ns),
    )


cdef object told(const Event* event):
    if event.kind == EVENT_LATCHED:
        return PortLatched(
            port_id=event.port_id, revision=event.revision,
            host=host_of(&event.address), port=port_of(&event.address),
        )
    if event.kind == EVENT_DIGIT:
        return DigitReceived(
            port_id=event.port_id, revision=event.revision,
            digit=digit_of(event.detail >> 32), duration_ms=event.detail & 0xFFFFFFFF,
        )
    if event.kind == EVENT_SENT:
        return DigitsSent(port_id=event.port_id, revision=event.revision, digits_id=event.detail)
    if event.kind == EVENT_SILENT:
        return PortSilent(port_id=event.port_id, revision=event.revision, silent_ms=event.detail)
    if event.kind == EVENT_HEARD:
        return PortHeard(port_id=event.port_id, revision=event.revision)
    return PlayerFinished(port_id=event.port_id, revision=event.revision, player_id=event.detail)


cdef class CompiledDatapath:
    """All ports of one worker; same contract as `media.datapath.Datapath`."""

    cdef Engine* engine
    cdef uint8_t[::1] memory
    cdef dict ports
    cdef dict awaited
    cdef dict playing
    cdef object files
    cdef object finished
    cdef dict rests
    cdef object thread

    def __cinit__(self, *, memory, uint64_t seed, uint64_t relay_window_us=300, double silence_s=2.0,
                  double rtcp_interval_s=5.0, int gather_from_calls=50):
        cdef Engine* e
        cdef epoll_event interest
        self.memory = memory
        self.ports = {}
        self.awaited = {}
        self.playing = {}
        self.files = PayloadFiles()
        self.finished = deque()
        self.rests = {}
        self.thread = None
        e = self.engine = <Engine*>calloc(1, sizeof(Engine))
        if e == NULL:
            raise MemoryError("media data path: no memory for the engine")
        pthread_mutex_init(&e.lock, NULL)
        e.random = seed | 1
        e.silence_ns = <uint64_t>(silence_s * 1e9)
        e.rtcp_ns = <uint64_t>(rtcp_interval_s * 1e9)
        e.window_ns = relay_window_us * 1000
        e.gather_from = 2 * gather_from_calls
        e.tick_ns = 5000000
        e.housekeeping_ns = min(<uint64_t>100000000, e.rtcp_ns // 4)
        e.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        e.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        e.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        e.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if e.epoll_fd < 0 or e.timer_fd < 0 or e.wake_fd < 0 or e.event_fd < 0:
            raise OSError("media data path: epoll, timerfd or eventfd refused; raise the open file limit")
        interest.events = EPOLLIN | EPOLLET
        interest.data.u64 = 0
        epoll_ctl(e.epoll_fd, EPOLL_CTL_ADD, e.timer_fd, &interest)
        interest.data.u64 = 1
        epoll_ctl(e.epoll_fd, EPOLL_CTL_ADD, e.wake_fd, &interest)

    def __dealloc__(self):
        cdef int index
        cdef Port* port
        cdef Engine* e = self.engine
        if e == NULL:
            return
        for index in range(e.ports_used):
            free(e.ports[index].tap)
            free(e.ports[index])
        for fd in (e.epoll_fd, e.timer_fd, e.wake_fd, e.event_fd):
            close_fd(fd)
        while e.spare != NULL:
            port = e.spare
            e.spare = port.peer
            free(port)
        free(e.ports)
        free(e.players)
        free(e.diallers)
        free(e.events)
        free(e.arrivals)
        pthread_mutex_destroy(&e.lock)
        free(e)

    @property
    def event_fd(self):
        """An eventfd that is readable while events wait."""
        return self.engine.event_fd

    def start(self):
        """Start the relay thread."""
        self.thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self.thread.start()

    def _run(self):
        with nogil:
            relay_loop(self.engine)

    def stop(self):
        """Close every port and end the relay thread; `events` may be taken once more."""
        for port_id in list(self.ports):
            self.close(port_id)
        self.engine.stopping = 1
        eventfd_write(self.engine.wake_fd, 1)
        if self.thread is not None:
            self.thread.join()
            self.thread = None

    cdef Port* find(self, port_id) except NULL:
        pointer = self.ports.get(port_id)
        if pointer is None:
            raise KeyError(port_id)
        return <Port*><size_t>pointer

    cdef int room(self) except -1:
        cdef Engine* e = self.engine
        cdef int wanted = 2 * e.ports_room if e.ports_room else 64
        if e.ports_used < e.ports_room:
            return 0
        lock(e)
        e.ports = <Port**>realloc(e.ports, wanted * sizeof(void*))
        e.players = <Port**>realloc(e.players, wanted * sizeof(void*))
        e.diallers = <Port**>realloc(e.diallers, wanted * sizeof(void*))
        e.ports_room = wanted
        unlock(e)
        if e.ports == NULL or e.players == NULL or e.diallers == NULL:
            raise MemoryError(f"media data path: no memory for {wanted} ports")
        return 0

    def open(self, uint64_t port_id, int rtp_fd, int rtcp_fd, uint64_t slot):
        """Take over two bound UDP sockets as port `port_id`; `slot` is its place in the shared memory."""
        cdef Engine* e = self.engine
        cdef Port* port
        cdef Durable* d
        if port_id in self.ports or port_id == 0:
            raise ValueError(f"port {port_id} is open already; ids are never used twice")
        if (slot + 1) * SLOT_BYTES > <uint64_t>self.memory.shape[0]:
            raise ValueError(f"port {port_id}: slot {slot} lies outside the shared memory")
        self.room()
        if e.spare != NULL:
            port = e.spare
            e.spare = port.peer
        else:
            port = <Port*>calloc(1, sizeof(Port))
            if port == NULL:
                raise MemoryError("media data path: no memory for a port")
        lock(e)
        memset(port, 0, sizeof(Port))
        d = <Durable*>&self.memory[slot * SLOT_BYTES]
        if d.owner != port_id:
            memset(d, 0, sizeof(Durable))
            d.owner = port_id
            d.ssrc = <uint32_t>(draw(e) >> 32)
        port.id = port_id
        port.durable = d
        port.rtp_fd = rtp_fd
        port.rtcp_fd = rtcp_fd
        port.clock_rate = 8000
        port.player.index = -1
        port.dialling.index = -1
        port.packets_reported = d.packets_out
        e.now_ns = monotonic_ns()
        # RFC 3550 §6.2: the first report comes after half the interval, spread as all others.
        port.rtcp_due_ns = e.now_ns + e.rtcp_ns // 4 + draw(e) % (e.rtcp_ns // 2)
        port.index = e.ports_used
        e.ports[e.ports_used] = port
        e.ports_used += 1
        if e.ports_used == 1:
            e.housekeeping_due_ns = e.now_ns + e.housekeeping_ns
            set_timer(e, e.housekeeping_due_ns)
        unlock(e)
        self.ports[port_id] = <size_t>port
        for waiting in [one for one, other in self.awaited.items() if other == port_id]:
            del self.awaited[waiting]
            self.join(self.find(waiting), port_id)

    cdef int join(self, Port* port, peer_id) except -1:
        pointer = self.ports.get(peer_id)
        lock(self.engine)
        if pointer is None:
            port.sinks &= ~<uint32_t>SINK_PEER
            port.peer = NULL
            port.peer_id = 0
        else:
            port.peer = <Port*><size_t>pointer
            port.peer_id = peer_id
            port.sinks |= SINK_PEER
        unlock(self.engine)
        if pointer is None and peer_id is not None:
            self.awaited[port.id] = peer_id
        else:
            self.awaited.pop(port.id, None)
        return 0

    cdef int listen(self, Port* port) except -1:
        # Only from the first put on: what came before (while a worker was started anew) waits in the sockets.
        cdef epoll_event interest
        interest.events = EPOLLIN
        interest.data.u64 = <uint64_t><size_t>port
        epoll_ctl(self.engine.epoll_fd, EPOLL_CTL_ADD, port.rtp_fd, &interest)
        interest.data.u64 |= 1
        epoll_ctl(self.engine.epoll_fd, EPOLL_CTL_ADD, port.rtcp_fd, &interest)
        return 0

    def put(self, uint64_t port_id, uint64_t revision, state):
        """Make `state` the port's state; an old revision changes nothing. Raises KeyError, BadPortState."""
        cdef Engine* e = self.engine
        cdef Port* port = self.find(port_id)
        cdef Address rtp, rtcp
        cdef uint8_t[128] payload_map
        cdef uint32_t[4] accept
        cdef int number
        cdef uint32_t[4] events
        cdef uint32_t[EVENT_FORMATS] event_rates
        cdef uint8_t[EVENT_FORMATS] event_types
        cdef int event_formats = 0
        cdef int digits = DIGITS[state.digits]
        cdef uint64_t silence_ns = 0
        cdef bytes cname = state.cname.encode()[:CNAME_BYTES]
        cdef size_t cname_length = len(cname)
        cdef const char* cname_text = cname
        cdef uint32_t clock_rate = state.clock_rate
        cdef bint send = state.send
        cdef bint receive = state.receive
        cdef int latching = LATCHES[state.latch]
        if revision <= port.revision:
            return
        parse_address(state.remote_rtp, &rtp)
        parse_address(state.remote_rtcp, &rtcp)
        if not 1000 <= clock_rate <= 384000:
            raise BadPortState(f"port {port_id}: clock rate {clock_rate} Hz; give 1000..384000")
        memset(accept, 0 if state.accept else 255, sizeof(accept))
        for payload_type in state.accept:
            number = payload_type & 127
            accept[number >> 5] |= <uint32_t>1 << (number & 31)
        memset(events, 0, sizeof(events))
        for payload_type, rate in state.event_types[:EVENT_FORMATS]:
            if not 1000 <= rate <= 384000:
                raise BadPortState(f"port {port_id}: event clock rate {rate} Hz; give 1000..384000")
            number = payload_type & 127
            events[number >> 5] |= <uint32_t>1 << (number & 31)
            event_types[event_formats] = number
            event_rates[event_formats] = rate
            event_formats += 1
        if state.silence_ms is not None and receive:
            silence_ns = <uint64_t>state.silence_ms * 1000000
        if state.payload_map:
            memset(payload_map, MAP_DROP, 128)
            for received, sent in state.payload_map:
                payload_map[received & 127] = sent & 127
        else:
            for number in range(128):
                payload_map[number] = number
        cdef bint first = port.revision == 0
        cdef bint frames = state.wants_frames
        cdef uint8_t tapping = self.tapping(port, state.tap)
        lock(e)
        port.revision = revision
        port.remote_rtp = rtp
        port.remote_rtcp = rtcp
        port.send = send
        port.receive = receive
        port.clock_rate = clock_rate
        memcpy(port.accept, accept, sizeof(accept))
        memcpy(port.payload_map, payload_map, 128)
        memcpy(port.events, events, sizeof(events))
        memcpy(port.event_types, event_types, sizeof(event_types))
        memcpy(port.event_rates, event_rates, sizeof(event_rates))
        port.event_formats = event_formats
        port.digits = digits
        if silence_ns != port.silence_ns:
            port.silence_ns = silence_ns
            port.watched_ns = monotonic_ns()
            port.silent = 0
        if port.latch != latching or not same_address(&rtp, &port.durable.signalled):
            port.durable.latched_by = NOT_LATCHED
            memset(&port.rtcp_latched, 0, sizeof(Address))
        port.latch = latching
        port.durable.signalled = rtp
        if frames:
            port.sinks |= SINK_FRAMES
        else:
            port.sinks &= ~<uint32_t>SINK_FRAMES
        port.tapping = tapping
        if tapping & TAP_IN:
            port.sinks |= SINK_TAP
        else:
            port.sinks &= ~<uint32_t>SINK_TAP
        port.cname_length = <uint8_t>cname_length
        memcpy(port.cname, cname_text, cname_length)
        aim(port)
        unlock(e)
        if state.relay_to is None or port.peer_id != state.relay_to:
            self.join(port, state.relay_to)
        self.set_player(port, state.player)
        self.set_dialling(port, state.events)
        if first:
            # Last of all: what waits in the sockets finds everything in its place.
            self.listen(port)

    cdef int tapping(self, Port* port, tap) except -1:
        if tap is None or tap.paused:
            return 0
        if port.tap == NULL:
            port.tap = <uint8_t*>malloc(TAP_ROOM)
            if port.tap == NULL:
                raise MemoryError("media data path: no memory for a tap")
        return TAP_IN | TAP_OUT if tap.both else TAP_IN

    def tapped(self, uint64_t port_id):
        """Take what a port's tap holds: (records as in media/tap.py, records lost since the last time).

        Once after the port was closed, too. Raises KeyError.
        """
        cdef Port* port
        cdef bytes records = b""
        cdef uint64_t lost
        rest = self.rests.pop(port_id, None)
        if rest is not None:
            return rest
        port = self.find(port_id)
        lock(self.engine)
        if port.tap_used:
            records = (<char*>port.tap)[:port.tap_used]
        lost = port.tap_lost
        port.tap_used = 0
        port.tap_lost = 0
        unlock(self.engine)
        return records, lost

    def arrivals(self):
        """Take what came for the mix path, in order of arrival.

        Rows are (port id, arrival in ns, SSRC, sequence, timestamp, payload type, marker, payload).
        """
        cdef Engine* e = self.engine
        cdef uint8_t* data
        cdef uint64_t at = 0
        cdef uint64_t used
        cdef Arrival head
        lock(e)
        # The buffer changes hands, so that nobody waits for the rows to be made.
        data, used = e.arrivals, e.arrivals_used
        e.arrivals = NULL
        e.arrivals_used = e.arrivals_room = 0
        unlock(e)
        taken = []
        while at < used:
            memcpy(&head, data + at, sizeof(Arrival))
            at += sizeof(Arrival)
            taken.append((
                head.port_id, head.arrival_ns, head.ssrc, head.sequence, head.timestamp, head.payload_type,
                head.marker != 0, (<char*>(data + at))[:head.length],
            ))
            at += head.length
        if data != NULL:
            lock(e)
            if e.arrivals == NULL:
                e.arrivals, e.arrivals_room = data, self.arrivals_kept(used)
                data = NULL
            unlock(e)
            free(data)
        return taken

    cdef uint64_t arrivals_kept(self, uint64_t used) noexcept:
        # The buffer is at least as large as what it held.
        return max(used, <uint64_t>65536)

    def speak(self, list frames):
        """Send frames of the mix path as part of their ports' outgoing streams.

        Rows are (port id, payload, timestamp units, payload type); an empty payload only lets the time pass.
        Ports that are gone, or have a player or keys for the far end just now, stay silent.
        """
        cdef Engine* e = self.engine
        cdef Port* port
        cdef uint64_t source
        cdef uint8_t datagram[2048]
        cdef const char* payload
        cdef Py_ssize_t length
        cdef uint32_t units
        cdef uint8_t payload_type
        cdef bytes data
        cdef int index
        cdef int count = len(frames)
        cdef int locked = 0
        for index in range(count):
            port_id, data, units, payload_type = frames[index]
            pointer = self.ports.get(port_id)
            length = len(data)
            if pointer is None or length > 1400:
                continue
            port = <Port*><size_t>pointer
            payload = data
            if not locked:
                lock(e)
                e.now_ns = monotonic_ns()
            locked += 1
            if not length or port.occupied or not port.send or not port.target_length:
                port.spoken_ts += units
                port.spoken_paused = 1
            else:
                source = <uint64_t>1 << 62 | port.id
                if source != port.source:
                    anchor(e, port, source, port.spoken_seq, port.spoken_ts)
                elif port.spoken_paused:
                    port.marked = 1
                port.spoken_paused = 0
                memcpy(datagram + 12, payload, length)
                send_rtp(e, port, datagram, <int>length, payload_type, port.spoken_seq, port.spoken_ts)
                port.spoken_seq += 1
                port.spoken_ts += units
            if locked == SPOKEN_AT_ONCE:
                unlock(e)
                locked = 0
        if locked:
            unlock(e)

    cdef int set_player(self, Port* port, player) except -1:
        cdef Engine* e = self.engine
        cdef Player next_player
        cdef const uint8_t[::1] data
        cdef uint64_t ident
        if player is None:
            if port.player.id:
                lock(e)
                drop_player(e, port)
                port.player.id = 0
                unlock(e)
                self.playing.pop(port.id, None)
            return 0
        ident = player.id
        if ident == port.player.id:
            return 0
        error = None
        memset(&next_player, 0, sizeof(Player))
        try:
            data, next_player.position = cue(self.files, player, monotonic_ns() // 1000000)
            next_player.data = &data[0]
            next_player.size = data.shape[0]
        except (OSError, ValueError) as problem:
            error = str(problem)
        next_player.id = ident
        next_player.index = -1
        next_player.ptime_ns = player.ptime_ms * 1000000
        next_player.samples = player.samples_per_frame
        next_player.frame_bytes = player.frame_bytes
        next_player.payload_type = player.payload_type & 127
        next_player.plays_left = -1 if player.plays is None else max(1, player.plays)
        lock(e)
        drop_player(e, port)
        port.player = next_player
        if error is None:
            # Due now; the next tick of 5 ms sends the first frame and keeps that phase.
            port.player.due_ns = monotonic_ns()
            port.player.index = e.players_used
            e.players[e.players_used] = port
            e.players_used += 1
            note_source(port)
            if e.players_used == 1:
                set_timer(e, port.player.due_ns)
        unlock(e)
        if error is None:
            self.playing[port.id] = data
        else:
            self.playing.pop(port.id, None)
            self.say(PlayerFinished(port_id=port.id, revision=port.revision, player_id=ident, error=error))
        return 0

    cdef int set_dialling(self, Port* port, wanted) except -1:
        cdef Engine* e = self.engine
        cdef Dialling dialling
        cdef int index
        cdef uint64_t ident = 0 if wanted is None else wanted.id
        if ident == port.dialling.id:
            return 0
        memset(&dialling, 0, sizeof(Dialling))
        dialling.index = -1
        dialling.id = ident
        if wanted is not None:
            dialling.count = len(wanted.digits)
            for index in range(dialling.count):
                dialling.codes[index] = event_of(wanted.digits[index])
            dialling.payload_type = wanted.payload_type
            dialling.step_units = wanted.clock_rate * STEP_MS // 1000
            dialling.digit_units = wanted.clock_rate * wanted.duration_ms // 1000
            dialling.steps = wanted.steps
            dialling.period = wanted.period
        lock(e)
        e.now_ns = monotonic_ns()
        cut_dialling(e, port)
        if ident and port.durable.digits_id == ident:
            # Another worker began it: what has been dialled is not dialled again.
            dialling.at = port.durable.digits_at
        port.dialling = dialling
        port.durable.digits_id = ident
        port.durable.digits_at = dialling.at
        if dialling.at < dialling.count:
            port.dialling.due_ns = e.now_ns
            port.dialling.index = e.diallers_used
            e.diallers[e.diallers_used] = port
            e.diallers_used += 1
            note_source(port)
            set_timer(e, e.now_ns)
        unlock(e)
        if ident and dialling.at >= dialling.count:
            self.say(DigitsSent(port_id=port.id, revision=port.revision, digits_id=ident))
        return 0

    cdef int say(self, event) except -1:
        self.finished.append(event)
        eventfd_write(self.engine.event_fd, 1)
        return 0

    cdef int shut(self, Port* port, bint goodbye) except -1:
        cdef Engine* e = self.engine
        cdef Port* moved
        cdef uint64_t port_id = port.id
        lock(e)
        e.now_ns = monotonic_ns()
        # RFC 3550 §6.3.7: who never sent anything says no BYE.
        if goodbye and (port.durable.packets_out or port.durable.rtcp_out):
            report(e, port, True)
        drop_player(e, port)
        drop_dialling(e, port)
        epoll_ctl(e.epoll_fd, EPOLL_CTL_DEL, port.rtp_fd, NULL)
        epoll_ctl(e.epoll_fd, EPOLL_CTL_DEL, port.rtcp_fd, NULL)
        e.ports_used -= 1
        moved = e.ports[e.ports_used]
        e.ports[port.index] = moved
        moved.index = port.index
        port.id = 0
        unlock(e)
        os.close(port.rtp_fd)
        os.close(port.rtcp_fd)
        if port.tap != NULL:
            self.rests[port_id] = ((<char*>port.tap)[:port.tap_used], port.tap_lost)
            free(port.tap)
            port.tap = NULL
        del self.ports[port_id]
        self.playing.pop(port_id, None)
        self.awaited.pop(port_id, None)
        # Kept, never freed: the relay thread and peers may still point at it, and find that it has no id.
        lock(e)
        port.peer = e.spare
        e.spare = port
        unlock(e)
        return 0

    def close(self, uint64_t port_id):
        """Say goodbye, close the sockets, and leave a PortClosed event. Raises KeyError."""
        cdef Port* port = self.find(port_id)
        self.shut(port, True)
        stats = stats_of(port)
        port.durable.owner = 0
        self.say(PortClosed(port_id=port_id, revision=port.revision, stats=stats))

    def forget(self, uint64_t port_id):
        """Close the sockets and say nothing: another worker goes on with the port. Raises KeyError."""
        self.shut(self.find(port_id), False)

    def stats(self, uint64_t port_id):
        """PortStats of an open port as of now. Raises KeyError."""
        cdef Port* port = self.find(port_id)
        lock(self.engine)
        stats = stats_of(port)
        unlock(self.engine)
        return stats

    def events(self):
        """Take the events that wait, oldest first."""
        cdef Engine* e = self.engine
        cdef uint64_t woken
        cdef int index
        cdef Event* event
        taken = []
        eventfd_read(e.event_fd, &woken)
        lock(e)
        for index in range(e.events_used):
            event = &e.events[index]
            taken.append(told(event))
        e.events_used = 0
        unlock(e)
        while self.finished:
            taken.append(self.finished.popleft())
        return taken

    def counters(self):
        """Totals of the data path: wakes, datagrams, reanchors, events_lost, ports, active_ports, players."""
        cdef Engine* e = self.engine
        return {
            "wakes": e.wakes,
            "datagrams": e.datagrams,
            "reanchors": e.reanchors,
            "events_lost": e.events_lost,
            "arrivals_lost": e.arrivals_lost,
            "ports": e.ports_used,
            "active_ports": e.active,
            "players": e.players_used,
        }

# Relay of the compiled port: latch, check, hand to the sinks, rewrite, send.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memset

from media._port cimport (
    BUFFER_BYTES,
    EVENT_FINISHED,
    EVENT_LATCHED,
    GUESSED,
    LATCH_AUTO,
    LATCH_OFF,
    LATCH_STRICT,
    MAP_DROP,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_TRUNC,
    NOT_LATCHED,
    PLAYER_CATCH_UP,
    SIGNALLED,
    SINK_PEER,
    SINKS,
    Address,
    Durable,
    Engine,
    Event,
    Packet,
    Player,
    Port,
    draw,
    eventfd_write,
    htonl,
    htons,
    length_of,
    ntohl,
    ntohs,
    port_of,
    recvfrom,
    same_address,
    same_host,
    sendto,
    set_port,
    sockaddr,
    socklen_t,
)
from media._reception cimport arrival_seen, sequence_seen
from media._report cimport build_report, read_compound, valid_compound

# A sink takes what arrived at a port; a frame ring and a tap ring join this table as further bits.
ctypedef void (*Sink)(Engine* engine, Port* port, Packet* packet) noexcept nogil


cdef inline void tell(Engine* engine, int kind, Port* port, uint64_t detail) noexcept nogil:
    cdef Event* grown
    cdef Event* event
    cdef int room
    if engine.events_used == engine.events_room:
        room = 2 * engine.events_room if engine.events_room else 64
        grown = <Event*>realloc(engine.events, room * sizeof(Event))
        if grown == NULL:
            engine.events_lost += 1
            return
        engine.events = grown
        engine.events_room = room
    event = &engine.events[engine.events_used]
    event.kind = kind
    event.port_id = port.id
    event.revision = port.revision
    event.detail = detail
    event.address = port.durable.latched
    engine.events_used += 1
    if engine.events_used == 1:
        eventfd_write(engine.event_fd, 1)


cdef inline void aim(Port* port) noexcept nogil:
    # Symmetric RTP (RFC 4961): answer to where the far end really sends from, once that is known.
    if port.latch == LATCH_AUTO and port.durable.latched_by != NOT_LATCHED:
        port.target = port.durable.latched
    else:
        port.target = port.remote_rtp
    port.target_length = length_of(&port.target) if port.target.words[0] else 0


cdef inline void latch(Engine* engine, Port* port, const Address* source) noexcept nogil:
    cdef Durable* d = port.durable
    d.latched = source[0]
    d.latched_by = SIGNALLED if same_address(source, &port.remote_rtp) else GUESSED
    memset(&port.rtcp_latched, 0, sizeof(Address))
    aim(port)
    tell(engine, EVENT_LATCHED, port, 0)


cdef inline bint source_allowed(Engine* engine, Port* port, const Address* source) noexcept nogil:
    # The first valid source is taken; the signalled one beats a guess at once; a third one must wait for silence.
    cdef Durable* d = port.durable
    if d.latched_by != NOT_LATCHED and same_address(source, &d.latched):
        return True
    if port.latch == LATCH_OFF and d.latched_by != NOT_LATCHED:
        return True
    if port.latch == LATCH_STRICT and not same_address(source, &port.remote_rtp):
        return False
    if (
        d.latched_by == NOT_LATCHED
        or port.latch == LATCH_STRICT
        or (d.latched_by == GUESSED and same_address(source, &port.remote_rtp))
        or engine.now_ns - d.last_in_ns > engine.silence_ns
    ):
        latch(engine, port, source)
        return True
    return False


cdef inline bint parse_rtp(uint8_t* data, int size, Packet* packet) noexcept nogil:
    # RFC 3550 §5.1 and A.1: version, CSRC count, extension and padding must fit the datagram.
    cdef int offset, padding
    if size < 12 or (data[0] & 0xC0) != 0x80:
        return False
    offset = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if offset + 4 > size:
            return False
        offset += 4 + 4 * (data[offset + 2] << 8 | data[offset + 3])
    if offset > size:
        return False
    padding = 0
    if data[0] & 0x20:
        padding = data[size - 1]
        if padding == 0 or padding > size - offset:
            return False
    packet.data = data
    packet.payload_offset = offset
    packet.payload_length = size - offset - padding
    packet.marker = data[1] & 0x80
    packet.payload_type = data[1] & 0x7F
    packet.sequence = ntohs((<uint16_t*>(data + 2))[0])
    packet.timestamp = ntohl((<uint32_t*>(data + 4))[0])
    packet.ssrc = ntohl((<uint32_t*>(data + 8))[0])
    return True


cdef inline uint32_t elapsed_units(Engine* engine, Port* port) noexcept nogil:
    return <uint32_t>((engine.now_ns - port.durable.last_ns) // 1000 * port.clock_rate // 1000000)


cdef inline void anchor(Engine* engine, Port* port, uint64_t source, uint16_t sequence, uint32_t timestamp) noexcept nogil:
    # Another source begins in the middle of our stream: sequence goes on by one, timestamp by the time passed.
    cdef Durable* d = port.durable
    cdef uint32_t passed
    if not d.started:
        d.next_seq = <uint16_t>(draw(engine) >> 16)
        d.last_ts = <uint32_t>(draw(engine) >> 16)
        d.first_out_ns = engine.now_ns
        d.started = 1
        passed = 0
    else:
        passed = elapsed_units(engine, port)
        if passed == 0:
            passed = 1
    port.source = source
    port.seq_offset = <uint16_t>(d.next_seq - sequence)
    port.ts_offset = d.last_ts + passed - timestamp
    port.marked = 1


cdef inline void send_rtp(
    Engine* engine, Port* port, uint8_t* datagram, int payload_length, uint8_t type_and_marker,
    uint16_t sequence, uint32_t timestamp,
) noexcept nogil:
    # Writes the header into the 12 bytes before the payload and sends from the port's own socket.
    cdef Durable* d = port.durable
    sequence = <uint16_t>(sequence + port.seq_offset)
    timestamp += port.ts_offset
    if port.marked:
        type_and_marker |= 0x80
        port.marked = 0
    datagram[0] = 0x80
    datagram[1] = type_and_marker
    (<uint16_t*>(datagram + 2))[0] = htons(sequence)
    (<uint32_t*>(datagram + 4))[0] = htonl(timestamp)
    (<uint32_t*>(datagram + 8))[0] = htonl(d.ssrc)
    # A late packet must not turn the stream's own clock back.
    if <uint16_t>(sequence + 1 - d.next_seq) < 0x8000:
        d.next_seq = <uint16_t>(sequence + 1)
        d.last_ts = timestamp
        d.last_ns = engine.now_ns
    d.packets_out += 1
    d.octets_out += payload_length
    if sendto(
        port.rtp_fd, datagram, 12 + payload_length, MSG_DONTWAIT | MSG_NOSIGNAL,
        <const sockaddr*>&port.target, port.target_length,
    ) < 0:
        d.dropped_send += 1


cdef inline void sink_peer(Engine* engine, Port* port, Packet* packet) noexcept nogil:
    cdef Port* peer = port.peer
    cdef uint8_t payload_type
    cdef uint64_t source
    if peer == NULL or peer.id != port.peer_id or not peer.send or peer.player.index >= 0:
        return
    if peer.target_length == 0:
        return
    payload_type = port.payload_map[packet.payload_type]
    if payload_type == MAP_DROP:
        port.durable.dropped_payload_type += 1
        return
    source = (port.id << 32) ^ packet.ssrc
    if source != peer.source or port.restarted:
        anchor(engine, peer, source, packet.sequence, packet.timestamp)
        port.restarted = 0
    send_rtp(
        engine, peer, packet.data + packet.payload_offset - 12, packet.payload_length,
        payload_type | packet.marker, packet.sequence, packet.timestamp,
    )


cdef inline void rtp_ready(Engine* engine, Port* port, const Sink* sinks) noexcept nogil:
    cdef Address source
    cdef socklen_t length = 28
    cdef Packet packet
    cdef Durable* d = port.durable
    cdef int bit
    cdef ssize_t size = recvfrom(
        port.rtp_fd, engine.buffer, BUFFER_BYTES, MSG_DONTWAIT | MSG_TRUNC, <sockaddr*>&source, &length
    )
    if size < 0:
        return
    engine.datagrams += 1
    if size > BUFFER_BYTES or not parse_rtp(engine.buffer, <int>size, &packet):
        d.dropped_malformed += 1
        return
    if 64 <= packet.payload_type <= 95:
        # RFC 5761 §4: RTCP on the RTP port; it neither latches nor is relayed.
        rtcp_seen(engine, port, &source, engine.buffer, <int>size)
        return
    if not (port.accept[packet.payload_type >> 5] >> (packet.payload_type & 31)) & 1:
        d.dropped_payload_type += 1
        return
    if not source_allowed(engine, port, &source):
        d.dropped_foreign += 1
        return
    if d.packets_in == 0:
        d.first_in_ns = engine.now_ns
    d.last_in_ns = engine.now_ns
    d.packets_in += 1
    d.octets_in += packet.payload_length
    if not sequence_seen(&d.reception, packet.ssrc, packet.sequence):
        port.restarted = 1
    arrival_seen(&d.reception, packet.timestamp, engine.now_ns, port.clock_rate)
    if not port.receive:
        return
    for bit in range(SINKS):
        if port.sinks >> bit & 1:
            sinks[bit](engine, port, &packet)


cdef inline bint rtcp_allowed(Port* port, const Address* source) noexcept nogil:
    # Only from the host that the media come from; before any media, from the signalled host.
    if port.durable.latched_by != NOT_LATCHED and port.latch != LATCH_OFF:
        return same_host(source, &port.durable.latched)
    return same_host(source, &port.remote_rtcp) or same_host(source, &port.remote_rtp)


cdef inline void rtcp_seen(
    Engine* engine, Port* port, const Address* source, const uint8_t* data, int size
) noexcept nogil:
    if not rtcp_allowed(port, source):
        port.durable.dropped_foreign += 1
        return
    if not valid_compound(data, size):
        port.durable.dropped_malformed += 1
        return
    port.durable.rtcp_in += 1
    read_compound(port, data, size, engine.now_ns)


cdef inline void rtcp_ready(Engine* engine, Port* port) noexcept nogil:
    cdef Address source
    cdef socklen_t length = 28
    cdef uint64_t before = port.durable.rtcp_in
    cdef ssize_t size = recvfrom(
        port.rtcp_fd, engine.buffer, BUFFER_BYTES, MSG_DONTWAIT | MSG_TRUNC, <sockaddr*>&source, &length
    )
    if size < 0:
        return
    engine.datagrams += 1
    if size > BUFFER_BYTES:
        port.durable.dropped_malformed += 1
        return
    rtcp_seen(engine, port, &source, engine.buffer, <int>size)
    if port.durable.rtcp_in != before and port.latch == LATCH_AUTO:
        port.rtcp_latched = source


cdef inline bint rtcp_target(Port* port, Address* to) noexcept nogil:
    cdef Durable* d = port.durable
    if port.rtcp_latched.words[0]:
        to[0] = port.rtcp_latched
        return True
    if port.latch == LATCH_AUTO and d.latched_by == GUESSED:
        to[0] = d.latched
    elif port.remote_rtcp.words[0]:
        to[0] = port.remote_rtcp
        return True
    elif port.target_length:
        to[0] = port.target
    else:
        return False
    set_port(to, <uint16_t>(port_of(to) + 1))
    return True


cdef inline void report(Engine* engine, Port* port, bint goodbye) noexcept nogil:
    cdef uint8_t out[512]
    cdef Address to
    cdef int size
    if not rtcp_target(port, &to):
        return
    size = build_report(port, out, engine.now_ns, goodbye)
    if sendto(
        port.rtcp_fd, out, size, MSG_DONTWAIT | MSG_NOSIGNAL, <const sockaddr*>&to, length_of(&to)
    ) < 0:
        port.durable.dropped_send += 1
    else:
        port.durable.rtcp_out += 1


cdef inline void drop_player(Engine* engine, Port* port) noexcept nogil:
    cdef int index = port.player.index
    if index < 0:
        return
    engine.players_used -= 1
    engine.players[index] = engine.players[engine.players_used]
    engine.players[index].player.index = index
    # Last, because the port that filled the gap may be this very port.
    port.player.index = -1


cdef inline void play_frame(Engine* engine, Port* port, uint8_t* datagram) noexcept nogil:
    cdef Player* player = &port.player
    cdef uint64_t source = (<uint64_t>1 << 63) | player.id
    if source != port.source:
        anchor(engine, port, source, player.sequence, player.timestamp)
    memcpy(datagram + 12, player.data + player.position, player.frame_bytes)
    send_rtp(
        engine, port, datagram, player.frame_bytes, player.payload_type, player.sequence, player.timestamp
    )
    player.sequence += 1
    player.timestamp += player.samples
    player.position += player.frame_bytes
    if player.position + player.frame_bytes > player.size:
        player.position = 0
        if player.plays_left > 0:
            player.plays_left -= 1


cdef inline void play_due(Engine* engine, Port* port) noexcept nogil:
    # An absolute schedule; at most PLAYER_CATCH_UP frames late are made up, then it is anchored anew.
    cdef Player* player = &port.player
    cdef uint64_t missed
    cdef int sent = 0
    if not port.send or port.target_length == 0:
        player.due_ns = engine.now_ns
        return
    while player.due_ns <= engine.now_ns:
        if sent == PLAYER_CATCH_UP:
            missed = (engine.now_ns - player.due_ns) // player.ptime_ns + 1
            player.due_ns += missed * player.ptime_ns
            player.timestamp += <uint32_t>missed * player.samples
            port.marked = 1
            engine.reanchors += 1
            return
        play_frame(engine, port, engine.buffer)
        player.due_ns += player.ptime_ns
        sent += 1
        if player.plays_left == 0:
            drop_player(engine, port)
            tell(engine, EVENT_FINISHED, port, player.id)
            return

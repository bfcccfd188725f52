# Relay of the compiled port: check what arrives, hand it to the sinks, hear and send reports.
from libc.stdint cimport int16_t, uint8_t, uint16_t, uint32_t, uint64_t

from media._port cimport (
    Address, BUFFER_BYTES, DIGITS_PASS, DIGITS_WITHHOLD, Durable, Engine, LATCH_AUTO, MAP_DROP, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC,
    Packet, Port, SINKS, length_of, ntohl, ntohs, recvfrom, sendto, sockaddr, socklen_t,
)
from media._digits cimport forget_key, hear_key, is_event
from media._latch cimport rtcp_allowed, rtcp_target, source_allowed
from media._reception cimport arrival_seen, sequence_seen
from media._report cimport build_report, read_compound, valid_compound
from media._stream cimport anchor, send_rtp


# A sink takes what arrived at a port. The first is the relay: it alone passes over what is withheld.
ctypedef void (*Sink)(Engine* engine, Port* port, Packet* packet) noexcept nogil


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


cdef inline void sink_peer(Engine* engine, Port* port, Packet* packet) noexcept nogil:
    cdef Port* peer = port.peer
    cdef uint8_t payload_type
    cdef uint64_t source
    if peer == NULL or peer.id != port.peer_id or not peer.send or peer.occupied:
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
    elif peer.withheld and <int16_t>(packet.sequence - peer.withheld_seq) > 0:
        # What was held back must not look lost: the sequence goes on as if it had never been.
        peer.withheld = 0
        peer.seq_offset = <uint16_t>(peer.durable.next_seq - packet.sequence)
        peer.marked = 1
    send_rtp(
        engine, peer, packet.data + packet.payload_offset - 12, packet.payload_length,
        payload_type | packet.marker, packet.sequence, packet.timestamp,
    )


cdef inline void hold_back(Port* port, const Packet* packet) noexcept nogil:
    cdef Port* peer = port.peer
    if peer != NULL and peer.id == port.peer_id and peer.source == ((port.id << 32) ^ packet.ssrc):
        if not peer.withheld or <int16_t>(packet.sequence - peer.withheld_seq) > 0:
            peer.withheld_seq = packet.sequence
        peer.withheld = 1


cdef inline void rtp_ready(Engine* engine, Port* port, const Sink* sinks) noexcept nogil:
    cdef Address source
    cdef socklen_t length = 28
    cdef Packet packet
    cdef Durable* d = port.durable
    cdef bint event
    cdef int bit
    cdef int first = 0
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
        if d.reception.received == 1:
            forget_key(engine, port)
    event = is_event(port, packet.payload_type)
    if not event:
        # Packets of one event share a timestamp, which says nothing of jitter.
        arrival_seen(&d.reception, packet.timestamp, engine.now_ns, port.clock_rate)
    if not port.receive:
        return
    if event and port.digits != DIGITS_PASS:
        hear_key(engine, port, &packet)
        if port.digits == DIGITS_WITHHOLD:
            hold_back(port, &packet)
            first = 1
    for bit in range(first, SINKS):
        if port.sinks >> bit & 1:
            sinks[bit](engine, port, &packet)


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

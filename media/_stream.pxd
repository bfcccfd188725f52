# Outgoing stream of the compiled port: one SSRC whose sequence and timestamp survive every change of source.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from media._port cimport (
    Durable, Engine, MSG_DONTWAIT, MSG_NOSIGNAL, Port, draw, htonl, htons, sendto, sockaddr,
)
from media._tap cimport tap_sent


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
    port.withheld = 0


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
        # Packets of one event share its timestamp, which is that of the first of them.
        if timestamp != d.last_ts or d.last_ns == 0:
            d.last_ts = timestamp
            d.last_ns = engine.now_ns
    d.packets_out += 1
    d.octets_out += payload_length
    if port.tapping:
        tap_sent(engine, port, type_and_marker, sequence, timestamp, datagram + 12, payload_length)
    if sendto(
        port.rtp_fd, datagram, 12 + payload_length, MSG_DONTWAIT | MSG_NOSIGNAL,
        <const sockaddr*>&port.target, port.target_length,
    ) < 0:
        d.dropped_send += 1

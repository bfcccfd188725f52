# Sinks of the compiled port that keep packets for Python: frames for the mix path, taps for recordings.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from media._port cimport ARRIVALS_MOST, Arrival, Engine, Packet, Port, TAP_IN, TAP_OUT, TAP_ROOM


cdef inline void sink_frames(Engine* engine, Port* port, Packet* packet) noexcept nogil:
    # All ports share one buffer, taken whole once a tick; a mixer that stands still loses the newest.
    cdef uint64_t wanted = engine.arrivals_used + sizeof(Arrival) + packet.payload_length
    cdef uint64_t room
    cdef uint8_t* grown
    cdef Arrival head
    if wanted > engine.arrivals_room:
        room = 2 * wanted if wanted > 32768 else 65536
        if room > ARRIVALS_MOST:
            engine.arrivals_lost += 1
            return
        grown = <uint8_t*>realloc(engine.arrivals, room)
        if grown == NULL:
            engine.arrivals_lost += 1
            return
        engine.arrivals = grown
        engine.arrivals_room = room
    head.port_id = port.id
    head.arrival_ns = engine.now_ns
    head.ssrc = packet.ssrc
    head.timestamp = packet.timestamp
    head.sequence = packet.sequence
    head.length = <uint16_t>packet.payload_length
    head.payload_type = packet.payload_type
    head.marker = packet.marker
    memcpy(engine.arrivals + engine.arrivals_used, &head, sizeof(Arrival))
    memcpy(
        engine.arrivals + engine.arrivals_used + sizeof(Arrival), packet.data + packet.payload_offset,
        packet.payload_length,
    )
    engine.arrivals_used = wanted


cdef inline void put_word(uint8_t* to, uint64_t value, int octets) noexcept nogil:
    cdef int index
    for index in range(octets):
        to[index] = <uint8_t>(value >> 8 * index)


cdef inline void tap_packet(
    Engine* engine, Port* port, uint8_t direction, uint8_t type_and_marker, uint16_t sequence, uint32_t timestamp,
    uint32_t ssrc, const uint8_t* payload, int length,
) noexcept nogil:
    # One record of media/tap.py: little-endian, so that the file reads the same everywhere.
    cdef uint8_t* to
    if port.tap_used + 22 + length > TAP_ROOM:
        port.tap_lost += 1
        return
    to = port.tap + port.tap_used
    put_word(to, engine.now_ns, 8)
    put_word(to + 8, ssrc, 4)
    put_word(to + 12, timestamp, 4)
    put_word(to + 16, sequence, 2)
    to[18] = type_and_marker
    to[19] = direction
    put_word(to + 20, length, 2)
    memcpy(to + 22, payload, length)
    port.tap_used += 22 + length


cdef inline void sink_tap(Engine* engine, Port* port, Packet* packet) noexcept nogil:
    if port.tapping & TAP_IN:
        tap_packet(
            engine, port, TAP_IN, packet.payload_type | packet.marker, packet.sequence, packet.timestamp, packet.ssrc,
            packet.data + packet.payload_offset, packet.payload_length,
        )


cdef inline void tap_sent(
    Engine* engine, Port* port, uint8_t type_and_marker, uint16_t sequence, uint32_t timestamp, const uint8_t* payload,
    int length,
) noexcept nogil:
    if port.tapping & TAP_OUT:
        tap_packet(
            engine, port, TAP_OUT, type_and_marker, sequence, timestamp, port.durable.ssrc, payload, length
        )

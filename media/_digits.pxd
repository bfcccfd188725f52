# Keys that the far end presses, as events of one port (RFC 4733): recognised, counted once, held back where asked.
from libc.stdint cimport int16_t, uint8_t, uint16_t, uint32_t, uint64_t

from media._port cimport (
    DIGIT_BURST, DIGIT_CEASED_NS, DIGIT_LATE_NS, DIGIT_SPACE_NS, EVENT_DIGIT, Engine, FLASH, Key, Packet, Port,
    SEGMENT_SLACK, SEGMENT_UNITS,
)
from media._latch cimport tell


cdef inline bint is_event(const Port* port, uint8_t payload_type) noexcept nogil:
    # Never a static number (RFC 3551 §6): the usual codecs do not even read the table.
    return payload_type > 34 and (port.events[payload_type >> 5] >> (payload_type & 31)) & 1


cdef inline uint32_t event_rate(const Port* port, uint8_t payload_type) noexcept nogil:
    cdef int index
    for index in range(port.event_formats):
        if port.event_types[index] == payload_type:
            return port.event_rates[index]
    return port.clock_rate


cdef inline void report_key(Engine* engine, Port* port) noexcept nogil:
    # One event a key; more than DIGIT_BURST at once, or one each DIGIT_SPACE_NS, is no finger's work.
    cdef Key* key = &port.key
    cdef uint64_t length_ms = <uint64_t>(key.earlier + key.duration) * 1000 // key.rate
    key.active = 0
    if key.brake_ns < engine.now_ns:
        key.brake_ns = engine.now_ns
    if key.brake_ns - engine.now_ns >= DIGIT_BURST * DIGIT_SPACE_NS:
        port.durable.dropped_digits += 1
        return
    key.brake_ns += DIGIT_SPACE_NS
    tell(engine, EVENT_DIGIT, port, (<uint64_t>key.code << 32) | length_ms)


cdef inline void key_ceased(Engine* engine, Port* port) noexcept nogil:
    # §2.5.2.2: the end was lost.
    if engine.now_ns - port.key.last_ns > DIGIT_CEASED_NS:
        report_key(engine, port)


cdef inline void forget_key(Engine* engine, Port* port) noexcept nogil:
    # Another stream begins: its numbers say nothing of the key before.
    if port.key.active:
        report_key(engine, port)
    port.key.known = 0


cdef inline void hear_key(Engine* engine, Port* port, const Packet* packet) noexcept nogil:
    # One packet of an event. Packets of an event share its timestamp; its end comes three times.
    cdef Key* key = &port.key
    cdef const uint8_t* payload = packet.data + packet.payload_offset
    cdef uint32_t duration, step
    cdef bint newer
    if packet.payload_length < 4 or payload[0] > FLASH:
        return
    duration = <uint32_t>payload[2] << 8 | payload[3]
    newer = (
        not key.known
        or <int16_t>(packet.sequence - key.sequence) > 0
        or engine.now_ns - key.last_ns > DIGIT_LATE_NS
    )
    step = packet.timestamp - key.timestamp
    if key.known and step == 0:
        if not key.active:
            return
        if newer and duration < SEGMENT_SLACK and key.duration > SEGMENT_UNITS - SEGMENT_SLACK:
            # A sender that lets the sixteen bits run over.
            key.earlier += SEGMENT_UNITS + 1
        if newer or duration > key.duration:
            key.duration = duration
    elif not newer:
        # Late: of a key that is over.
        return
    elif (
        key.active and key.code == payload[0] and not packet.marker
        and SEGMENT_UNITS - SEGMENT_SLACK <= step <= SEGMENT_UNITS + 1
    ):
        # §2.5.1.3: a key held longer than the duration can say goes on in another segment.
        key.earlier += step
        key.timestamp = packet.timestamp
        key.duration = duration
    else:
        if key.active:
            report_key(engine, port)
        key.known = 1
        key.active = 1
        key.code = payload[0]
        key.timestamp = packet.timestamp
        key.rate = event_rate(port, packet.payload_type)
        key.earlier = 0
        key.duration = duration
    if newer:
        key.sequence = packet.sequence
    key.last_ns = engine.now_ns
    if payload[1] & 0x80:
        report_key(engine, port)

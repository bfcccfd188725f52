# Digits that a port sends to its far end as events within its one stream (RFC 4733 §2.5.1).
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from media._port cimport (
    DIALLING_CATCH_UP, Dialling, EVENT_SENT, Engine, EVENT_VOLUME, MORE_ENDS, Port, SEGMENT_UNITS, STEP_NS, htons,
    note_source,
)
from media._latch cimport tell
from media._stream cimport anchor, send_rtp


cdef inline void drop_dialling(Engine* engine, Port* port) noexcept nogil:
    cdef int index = port.dialling.index
    if index < 0:
        return
    engine.diallers_used -= 1
    engine.diallers[index] = engine.diallers[engine.diallers_used]
    engine.diallers[index].dialling.index = index
    # Last, because the port that filled the gap may be this very port.
    port.dialling.index = -1
    note_source(port)


cdef inline void send_event(Engine* engine, Port* port, uint32_t units, bint first, bint end) noexcept nogil:
    cdef Dialling* d = &port.dialling
    cdef uint8_t* datagram = engine.buffer
    cdef uint32_t segment = (units - 1) // SEGMENT_UNITS
    cdef uint64_t source = (<uint64_t>3 << 62) | d.id
    if source != port.source:
        anchor(engine, port, source, d.sequence, d.start)
    datagram[12] = d.codes[d.at]
    datagram[13] = EVENT_VOLUME | (0x80 if end else 0)
    # §2.5.1.3: sixteen bits of duration; a longer event is a row of segments without a marker.
    (<uint16_t*>(datagram + 14))[0] = htons(<uint16_t>(units - segment * SEGMENT_UNITS))
    send_rtp(
        engine, port, datagram, 4, d.payload_type | (0x80 if first else 0), d.sequence,
        d.start + segment * SEGMENT_UNITS,
    )
    d.sequence += 1


cdef inline void cut_dialling(Engine* engine, Port* port) noexcept nogil:
    # Taken away or replaced: a digit under way is ended, or the far end would hear it for ever.
    cdef Dialling* d = &port.dialling
    cdef uint32_t units
    cdef int turn
    if d.index >= 0 and 0 < d.step < d.steps and port.send and port.target_length:
        units = d.step * d.step_units
        for turn in range(1 + MORE_ENDS):
            send_event(engine, port, units, False, True)
    drop_dialling(engine, port)


cdef inline void dial_step(Engine* engine, Port* port) noexcept nogil:
    # Step k of a digit: updates, the end at its last, the end twice more, then silence until the next digit.
    cdef Dialling* d = &port.dialling
    cdef uint32_t units
    if d.step < d.steps + MORE_ENDS:
        units = d.digit_units
        if d.step + 1 < d.steps:
            units = (d.step + 1) * d.step_units
        send_event(engine, port, units, d.step == 0, d.step + 1 >= d.steps)
    d.step += 1
    if d.at + 1 == d.count and d.step == d.steps + MORE_ENDS:
        d.at += 1
        port.durable.digits_at = d.at
        drop_dialling(engine, port)
        tell(engine, EVENT_SENT, port, d.id)
    elif d.step == d.period:
        d.step = 0
        d.at += 1
        d.start += d.period * d.step_units
        port.durable.digits_at = d.at


cdef inline void dial_due(Engine* engine, Port* port) noexcept nogil:
    # On an absolute schedule; what is late is made up in part, then the schedule is anchored anew.
    cdef Dialling* d = &port.dialling
    cdef int sent = 0
    if not port.send or port.target_length == 0:
        d.due_ns = engine.now_ns
        return
    while d.index >= 0 and d.due_ns <= engine.now_ns:
        if sent == DIALLING_CATCH_UP:
            d.due_ns = engine.now_ns + STEP_NS
            engine.reanchors += 1
            return
        dial_step(engine, port)
        d.due_ns += STEP_NS
        sent += 1


cdef inline void dial_some(Engine* engine) noexcept nogil:
    cdef int index = 0
    cdef int before
    while index < engine.diallers_used:
        before = engine.diallers_used
        if engine.diallers[index].dialling.due_ns <= engine.now_ns:
            dial_due(engine, engine.diallers[index])
        if engine.diallers_used == before:
            # Otherwise it has finished, and the last of the row took its place.
            index += 1

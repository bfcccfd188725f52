# Latching of the compiled port: which source may speak, and where answers go (RFC 4961).
from libc.stdint cimport uint16_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from media._port cimport (
    Address, Durable, EVENT_LATCHED, Engine, Event, GUESSED, LATCH_AUTO, LATCH_OFF, LATCH_STRICT, NOT_LATCHED,
    Port, SIGNALLED, eventfd_write, length_of, port_of, same_address, same_host, set_port,
)


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


cdef inline bint rtcp_allowed(Port* port, const Address* source) noexcept nogil:
    # Only from the host that the media come from; before any media, from the signalled host.
    if port.durable.latched_by != NOT_LATCHED and port.latch != LATCH_OFF:
        return same_host(source, &port.durable.latched)
    return same_host(source, &port.remote_rtcp) or same_host(source, &port.remote_rtp)


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

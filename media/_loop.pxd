# Relay thread of the compiled data path: wakes, drains, ticks; holds the lock for one batch at a time.
from libc.stdint cimport uint64_t
from libc.string cimport memset

from media._port cimport (
    BATCH, CLOCK_MONOTONIC, EVENT_HEARD, EVENT_SILENT, Engine, MIXED_BEFORE_GATHERING, MIXED_WINDOW_NS, PLAYERS_AT_ONCE, PRIO_PROCESS, PR_SET_TIMERSLACK, Port, SINK_FRAMES, SINK_PEER, TFD_TIMER_ABSTIME, TIMER_ABSTIME,
    clock_nanosleep, draw, epoll_wait, itimerspec, monotonic_ns, prctl, prefetch, pthread_mutex_lock,
    pthread_mutex_unlock, sched_yield, setpriority, timerfd_settime, timespec,
)
from media._dialling cimport dial_some
from media._digits cimport key_ceased
from media._latch cimport tell
from media._player cimport play_due
from media._relay cimport Sink, report, rtcp_ready, rtp_ready, sink_peer
from media._tap cimport sink_frames, sink_tap


cdef inline void lock(Engine* engine) noexcept nogil:
    # The relay thread yields while somebody waits: a mutex alone may starve the waiting side.
    engine.waiters += 1
    pthread_mutex_lock(&engine.lock)
    engine.waiters -= 1


cdef inline void unlock(Engine* engine) noexcept nogil:
    pthread_mutex_unlock(&engine.lock)


cdef inline void set_timer(Engine* engine, uint64_t due_ns) noexcept nogil:
    # Re-armed absolutely once a tick; edge-triggered in epoll, so it needs no read.
    cdef itimerspec at
    memset(&at, 0, sizeof(at))
    at.it_value.tv_sec = due_ns // 1000000000
    at.it_value.tv_nsec = due_ns % 1000000000
    timerfd_settime(engine.timer_fd, TFD_TIMER_ABSTIME, &at, NULL)


cdef inline bint play_some(Engine* engine) noexcept nogil:
    # At most PLAYERS_AT_ONCE frames, then packets that wait have their turn; True when more are due.
    cdef int scanned = 0
    cdef int played = 0
    cdef int before
    cdef int players = engine.players_used
    while scanned < players and engine.players_used:
        if engine.player_turn >= engine.players_used:
            engine.player_turn = 0
        scanned += 1
        if engine.players[engine.player_turn].player.due_ns <= engine.now_ns:
            if played == PLAYERS_AT_ONCE:
                return True
            played += 1
            before = engine.players_used
            play_due(engine, engine.players[engine.player_turn])
            if engine.players_used < before:
                # It has finished, and the last of the row took its place.
                continue
        engine.player_turn += 1
    return False


cdef inline void watch(Engine* engine, Port* port) noexcept nogil:
    # Counted from the last packet that was let in, or from when the watch began.
    cdef uint64_t since_ns = port.durable.last_in_ns
    if port.silent:
        if since_ns > port.watched_ns:
            port.silent = 0
            tell(engine, EVENT_HEARD, port, 0)
        return
    if since_ns < port.watched_ns:
        since_ns = port.watched_ns
    if engine.now_ns > since_ns and engine.now_ns - since_ns >= port.silence_ns:
        port.silent = 1
        port.watched_ns = since_ns
        tell(engine, EVENT_SILENT, port, (engine.now_ns - since_ns) // 1000000)


cdef inline void keep_house(Engine* engine) noexcept nogil:
    # Reports when due, who is silent, keys whose end was lost, and a count of who is talking.
    cdef int index
    cdef int active = 0
    cdef int mixed = 0
    cdef Port* port
    for index in range(engine.ports_used):
        port = engine.ports[index]
        if port.durable.packets_in and engine.now_ns - port.durable.last_in_ns < 1000000000:
            active += 1
            if port.sinks & (SINK_PEER | SINK_FRAMES) == SINK_FRAMES:
                mixed += 1
        if port.silence_ns:
            watch(engine, port)
        if port.key.active:
            key_ceased(engine, port)
        if engine.now_ns >= port.rtcp_due_ns:
            report(engine, port, False)
            # RFC 3550 §6.2: 0.5 to 1.5 of the interval, so that reports never march in step.
            port.rtcp_due_ns = engine.now_ns + engine.rtcp_ns // 2 + draw(engine) % engine.rtcp_ns
    engine.active = active
    engine.mixed = mixed
    engine.housekeeping_due_ns = engine.now_ns + engine.housekeeping_ns


cdef inline void tick(Engine* engine) noexcept nogil:
    cdef uint64_t next_ns
    cdef bint more = play_some(engine)
    dial_some(engine)
    if engine.now_ns >= engine.housekeeping_due_ns:
        keep_house(engine)
    next_ns = engine.housekeeping_due_ns
    if more:
        next_ns = engine.now_ns
    elif engine.players_used or engine.diallers_used:
        next_ns = min(next_ns, engine.now_ns - engine.now_ns % engine.tick_ns + engine.tick_ns)
    if engine.ports_used:
        set_timer(engine, next_ns)


cdef inline void serve_batch(Engine* engine, int count, const Sink* sinks) noexcept nogil:
    cdef int index
    cdef uint64_t tag
    cdef Port* port
    for index in range(count):
        tag = engine.ready[index].data.u64
        if tag == 0:
            tick(engine)
            continue
        if tag == 1:
            continue
        port = <Port*><size_t>(tag & ~<uint64_t>1)
        if index + 2 < count:
            # Hundreds of ports do not stay in the cache between two of their packets.
            prefetch(<void*><size_t>(engine.ready[index + 2].data.u64 & ~<uint64_t>1))
        if index + 1 < count and engine.ready[index + 1].data.u64 > 1:
            prefetch((<Port*><size_t>(engine.ready[index + 1].data.u64 & ~<uint64_t>1)).durable)
        # A port that was closed after epoll reported it keeps its memory, but has no id.
        if port.id == 0:
            continue
        if tag & 1:
            rtcp_ready(engine, port)
        else:
            rtp_ready(engine, port, sinks)


cdef inline void relay_loop(Engine* engine) noexcept nogil:
    # One wake drains what is ready; above `gather_from` talking ports at most one wake per window.
    cdef Sink[3] sinks
    cdef timespec until
    cdef uint64_t due_ns
    cdef uint64_t window_ns
    cdef int count
    sinks[0] = sink_peer
    sinks[1] = sink_frames
    sinks[2] = sink_tap
    prctl(PR_SET_TIMERSLACK, 1000)
    # Media go before signalling where the system lets us; without the right to it nothing is lost but latency.
    setpriority(PRIO_PROCESS, 0, -10)
    while not engine.stopping:
        count = epoll_wait(engine.epoll_fd, engine.ready, BATCH, -1)
        while engine.waiters:
            sched_yield()
        pthread_mutex_lock(&engine.lock)
        engine.now_ns = monotonic_ns()
        engine.wakes += 1
        serve_batch(engine, count, sinks)
        pthread_mutex_unlock(&engine.lock)
        window_ns = engine.window_ns if engine.active >= engine.gather_from else 0
        if engine.mixed == engine.active and engine.mixed > MIXED_BEFORE_GATHERING:
            # Nobody is relayed: what arrives waits for the next tick of the mix path anyway.
            window_ns = MIXED_WINDOW_NS
        if engine.window_ns and window_ns and count < BATCH:
            due_ns = engine.now_ns + window_ns
            until.tv_sec = due_ns // 1000000000
            until.tv_nsec = due_ns % 1000000000
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)

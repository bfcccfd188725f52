# Player of the compiled port: frames of a ready file on an absolute schedule.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from media._port cimport (
    EVENT_FINISHED, Engine, PLAYER_CATCH_UP, Player, Port, note_source,
)
from media._latch cimport tell
from media._stream cimport anchor, send_rtp


cdef inline void drop_player(Engine* engine, Port* port) noexcept nogil:
    cdef int index = port.player.index
    if index < 0:
        return
    engine.players_used -= 1
    engine.players[index] = engine.players[engine.players_used]
    engine.players[index].player.index = index
    # Last, because the port that filled the gap may be this very port.
    port.player.index = -1
    note_source(port)


cdef inline void play_frame(Engine* engine, Port* port, uint8_t* datagram) noexcept nogil:
    cdef Player* player = &port.player
    cdef uint64_t source = (<uint64_t>1 << 63) | player.id
    cdef const uint8_t* frame = player.data + player.position
    cdef uint32_t length = player.frame_bytes
    cdef uint32_t head = 0
    if length == 0:
        # Framed: each frame behind its length. The file was walked through when it was mapped.
        length = frame[0] | frame[1] << 8
        head = 2
    if source != port.source:
        anchor(engine, port, source, player.sequence, player.timestamp)
    if length:
        memcpy(datagram + 12, frame + head, length)
        send_rtp(engine, port, datagram, length, player.payload_type, player.sequence, player.timestamp)
        player.sequence += 1
    player.timestamp += player.samples
    player.position += head + length
    if player.position + (player.frame_bytes if player.frame_bytes else 2) > player.size:
        player.position = 0
        if player.plays_left > 0:
            player.plays_left -= 1


cdef inline void play_due(Engine* engine, Port* port) noexcept nogil:
    # An absolute schedule; at most PLAYER_CATCH_UP frames late are made up, then it is anchored anew.
    cdef Player* player = &port.player
    cdef uint64_t missed
    cdef int sent = 0
    if not port.send or port.target_length == 0 or port.dialling.index >= 0:
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

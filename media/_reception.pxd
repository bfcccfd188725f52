# Reception statistics of the compiled port (RFC 3550 §6.4.1, A.1, A.3, A.8).
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t

from media._port cimport RTP_MAX_DROPOUT, RTP_MAX_MISORDER, Reception


cdef inline int64_t expected_of(const Reception* r) noexcept nogil:
    if not r.known:
        return r.past_expected
    return r.past_expected + <int64_t>(r.cycles + r.max_seq) - <int64_t>r.base_seq + 1


cdef inline int64_t received_of(const Reception* r) noexcept nogil:
    return r.past_received + r.received


cdef inline void begin_source(Reception* r, uint32_t ssrc, uint16_t sequence) noexcept nogil:
    # A new SSRC, or the same one begun anew: what was counted so far is kept in the totals.
    cdef int64_t expected = expected_of(r)
    if r.known:
        r.past_expected = expected
        r.past_received += r.received
    if not r.known or ssrc != r.ssrc:
        r.jitter16 = 0
        r.last_sr = 0
    r.known = 1
    r.ssrc = ssrc
    r.max_seq = sequence
    r.base_seq = sequence
    r.bad_seq = 0x10001
    r.cycles = 0
    r.received = 0
    r.expected_prior = 0
    r.received_prior = 0
    r.transit = 0


cdef inline bint sequence_seen(Reception* r, uint32_t ssrc, uint16_t sequence) noexcept nogil:
    # A.1 update_seq without probation, so that the first packet is relayed. True: the stream goes on;
    # False: it began anew or jumped, so the outgoing stream must be anchored again.
    cdef uint16_t delta
    if not r.known or ssrc != r.ssrc:
        begin_source(r, ssrc, sequence)
        r.received = 1
        return False
    delta = <uint16_t>(sequence - r.max_seq)
    if delta < RTP_MAX_DROPOUT:
        if sequence < r.max_seq:
            r.cycles += 0x10000
        r.max_seq = sequence
    elif delta <= 0x10000 - RTP_MAX_MISORDER:
        if sequence == r.bad_seq:
            begin_source(r, ssrc, sequence)
            r.received = 1
        else:
            r.bad_seq = (sequence + 1) & 0xFFFF
        return False
    r.received += 1
    return True


cdef inline void arrival_seen(Reception* r, uint32_t timestamp, uint64_t now_ns, uint32_t rate_hz) noexcept nogil:
    # A.8: jitter in sixteenths of a timestamp unit.
    cdef uint32_t arrival = <uint32_t>((now_ns // 1000) * rate_hz // 1000000)
    cdef uint32_t transit = arrival - timestamp
    cdef int32_t d = <int32_t>(transit - r.transit)
    if r.transit != 0:
        if d < 0:
            d = -d
        # A leap of over ten seconds is a new timeline, not jitter.
        if <uint32_t>d < 10 * rate_hz:
            r.jitter16 += d - ((r.jitter16 + 8) >> 4)
    r.transit = transit if transit != 0 else 1


cdef inline uint32_t interval_fraction(Reception* r) noexcept nogil:
    # A.3: share of packets lost since the last report, in 1/256.
    cdef uint32_t expected = r.cycles + r.max_seq - r.base_seq + 1
    cdef uint32_t expected_interval = expected - r.expected_prior
    cdef uint32_t received_interval = r.received - r.received_prior
    cdef int64_t lost = <int64_t>expected_interval - <int64_t>received_interval
    r.expected_prior = expected
    r.received_prior = r.received
    if expected_interval == 0 or lost <= 0:
        return 0
    lost = (lost << 8) // expected_interval
    return 255 if lost > 255 else <uint32_t>lost


cdef inline int32_t cumulative_lost(const Reception* r) noexcept nogil:
    # A.3: of the present SSRC, clamped to 24 bits.
    cdef int64_t lost = <int64_t>(r.cycles + r.max_seq - r.base_seq + 1) - <int64_t>r.received
    if lost > 0x7FFFFF:
        return 0x7FFFFF
    if lost < -0x800000:
        return -0x800000
    return <int32_t>lost

# RTCP of the compiled port: compound reports out, the far end's reports in (RFC 3550 §6).
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from media._port cimport CLOCK_REALTIME, Durable, Port, Reception, clock_gettime, htonl, htons, ntohl, timespec
from media._reception cimport cumulative_lost, interval_fraction

cdef enum:
    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    DESCRIPTION = 202
    GOODBYE = 203


cdef inline void put32(uint8_t* at, uint32_t value) noexcept nogil:
    (<uint32_t*>at)[0] = htonl(value)


cdef inline uint32_t get32(const uint8_t* at) noexcept nogil:
    return ntohl((<const uint32_t*>at)[0])


cdef inline void put_header(uint8_t* at, int count, int kind, int octets) noexcept nogil:
    at[0] = <uint8_t>(0x80 | count)
    at[1] = <uint8_t>kind
    (<uint16_t*>(at + 2))[0] = htons(<uint16_t>(octets // 4 - 1))


cdef inline void wall_clock(uint32_t* seconds, uint32_t* fraction) noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_REALTIME, &at)
    # §4: NTP counts from 1900.
    seconds[0] = <uint32_t>(<uint64_t>at.tv_sec + <uint64_t>2208988800)
    fraction[0] = <uint32_t>((<uint64_t>at.tv_nsec << 32) // 1000000000)


cdef inline int build_report(Port* port, uint8_t* out, uint64_t now_ns, bint goodbye) noexcept nogil:
    # SR when we sent since the last report, else RR; then SDES CNAME; then BYE on close. Gives the length.
    cdef Durable* d = port.durable
    cdef Reception* r = &d.reception
    cdef uint32_t seconds, fraction, since
    cdef int32_t lost
    cdef int blocks = 1 if r.known else 0
    cdef bint sender = d.packets_out != port.packets_reported
    cdef int at = 0
    cdef int body
    wall_clock(&seconds, &fraction)
    put32(out + 4, d.ssrc)
    at = 8
    if sender:
        put32(out + 8, seconds)
        put32(out + 12, fraction)
        since = <uint32_t>((now_ns - d.last_ns) // 1000 * port.clock_rate // 1000000)
        put32(out + 16, d.last_ts + since)
        put32(out + 20, <uint32_t>d.packets_out)
        put32(out + 24, <uint32_t>d.octets_out)
        at = 28
    if blocks:
        put32(out + at, r.ssrc)
        lost = cumulative_lost(r)
        put32(out + at + 4, (interval_fraction(r) << 24) | (<uint32_t>lost & 0xFFFFFF))
        put32(out + at + 8, r.cycles + r.max_seq)
        put32(out + at + 12, r.jitter16 >> 4)
        put32(out + at + 16, r.last_sr)
        put32(out + at + 20, <uint32_t>(((now_ns - r.last_sr_ns) << 6) // 15625000) if r.last_sr else 0)
        at += 24
    put_header(out, blocks, SENDER_REPORT if sender else RECEIVER_REPORT, at)
    # §6.5: one chunk: SSRC, CNAME item, a zero octet, padded to 32 bits.
    body = (4 + 4 + 2 + port.cname_length + 1 + 3) & ~3
    memset(out + at, 0, body)
    put_header(out + at, 1, DESCRIPTION, body)
    put32(out + at + 4, d.ssrc)
    out[at + 8] = 1
    out[at + 9] = port.cname_length
    memcpy(out + at + 10, port.cname, port.cname_length)
    at += body
    if goodbye:
        put_header(out + at, 1, GOODBYE, 8)
        put32(out + at + 4, d.ssrc)
        at += 8
    port.packets_reported = d.packets_out
    d.reported = 1
    return at


cdef inline bint valid_compound(const uint8_t* data, int size) noexcept nogil:
    # A.2: first packet SR or RR without padding, every version 2, lengths add up to the datagram.
    cdef int at = 0
    cdef int octets
    if size < 8 or (data[0] & 0xE0) != 0x80 or (data[1] != SENDER_REPORT and data[1] != RECEIVER_REPORT):
        return False
    while at < size:
        if size - at < 4 or (data[at] & 0xC0) != 0x80:
            return False
        octets = 4 * ((data[at + 2] << 8 | data[at + 3]) + 1)
        if octets > size - at:
            return False
        at += octets
    return True


cdef inline void read_block(Port* port, const uint8_t* block, uint64_t now_ns) noexcept nogil:
    # §6.4.1: what the far end says of our stream, and the round trip from LSR and DLSR.
    cdef Durable* d = port.durable
    cdef uint32_t seconds, fraction, last_sr, trip
    cdef int32_t lost
    if get32(block) != d.ssrc:
        return
    lost = <int32_t>(get32(block + 4) << 8) >> 8
    d.far_reported = 1
    d.far_lost = lost
    d.far_fraction = block[4]
    d.far_jitter = get32(block + 12)
    last_sr = get32(block + 16)
    if last_sr == 0:
        return
    wall_clock(&seconds, &fraction)
    trip = ((seconds << 16) | (fraction >> 16)) - last_sr - get32(block + 20)
    if not trip >> 31:
        # 1/65536 s to ns
        d.rtt_ns = <int64_t>((<uint64_t>trip * 1000000000) >> 16)


cdef inline void read_compound(Port* port, const uint8_t* data, int size, uint64_t now_ns) noexcept nogil:
    cdef Reception* r = &port.durable.reception
    cdef int at = 0
    cdef int octets, count, block
    while at < size:
        octets = 4 * ((data[at + 2] << 8 | data[at + 3]) + 1)
        count = data[at] & 0x1F
        block = 28 if data[at + 1] == SENDER_REPORT else 8
        if data[at + 1] == SENDER_REPORT and octets >= 28 and r.known and get32(data + at + 4) == r.ssrc:
            r.last_sr = (get32(data + at + 8) << 16) | (get32(data + at + 12) >> 16)
            r.last_sr_ns = now_ns
        if data[at + 1] == SENDER_REPORT or data[at + 1] == RECEIVER_REPORT:
            while count > 0 and block + 24 <= octets:
                read_block(port, data + at + block, now_ns)
                block += 24
                count -= 1
        at += octets

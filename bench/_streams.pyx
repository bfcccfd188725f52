# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""RTP streams for benchmarks: 50 packets a second each, sequence accounting, delay by kernel timestamps."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from media._port cimport (
    CLOCK_MONOTONIC, CLOCK_REALTIME, EPOLL_CTL_ADD, EPOLLIN, MSG_DONTWAIT, PR_SET_TIMERSLACK, TIMER_ABSTIME,
    clock_gettime, clock_nanosleep, close, epoll_create1, epoll_ctl, epoll_event, epoll_wait, htonl, htons,
    inet_pton, AF_INET, prctl, sendto, sockaddr, socklen_t, timespec,
)

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>" nogil:
    struct msghdr:
        void* msg_name
        socklen_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct cmsghdr:
        int cmsg_level
        int cmsg_type
    ssize_t recvmsg(int fd, msghdr* message, int flags)
    cmsghdr* CMSG_FIRSTHDR(msghdr* message)
    unsigned char* CMSG_DATA(cmsghdr* control)
    int SOL_SOCKET, SO_TIMESTAMPNS
    int setsockopt(int fd, int level, int name, const void* value, socklen_t size)
    ssize_t recv(int fd, void* buffer, size_t size, int flags)

cdef enum:
    MAGIC = 0x43425254
    BUCKETS = 20000
    BUCKET_NS = 5000
    PACKET = 172
    READY = 256

ctypedef struct Stream:
    int fd
    uint32_t from_stream
    uint64_t due_ns
    uint32_t sent
    uint32_t highest
    uint32_t got
    uint32_t duplicated
    uint32_t reordered
    uint32_t misdirected
    uint32_t foreign
    uint32_t ssrc_changes
    uint32_t ssrc
    uint8_t target[16]
    uint8_t* seen


cdef uint64_t clock_ns(int clock) noexcept nogil:
    cdef timespec at
    clock_gettime(clock, &at)
    return <uint64_t>at.tv_sec * 1000000000 + <uint64_t>at.tv_nsec


cdef class Streams:
    """N streams over given sockets; stream i sends to its target and expects the packets of `from_stream`.

    Times of all streams are spread evenly over 20 ms. `run` blocks without the interpreter lock.
    """

    cdef Stream* streams
    cdef int count
    cdef uint32_t most
    cdef int epoll_fd
    cdef uint64_t* delays
    cdef uint64_t worst_ns
    cdef uint64_t late_ns
    cdef uint64_t gap_ns

    def __cinit__(self, list ends, double seconds, uint64_t gap_us=0):
        """`ends`: (fd, (IPv4 host, port), index of the stream expected to arrive) for each stream.

        `gap_us` 0 keeps a core busy and sends each packet at its own time; above, packets of a gap go together,
        which spares the machine, and spares the measured program wakes as well.
        """
        cdef int index
        cdef int one = 1
        cdef Stream* stream
        cdef epoll_event interest
        cdef bytes host
        self.count = len(ends)
        self.gap_ns = gap_us * 1000
        self.most = <uint32_t>(seconds * 50) + 100
        self.streams = <Stream*>calloc(self.count, sizeof(Stream))
        self.delays = <uint64_t*>calloc(BUCKETS + 1, sizeof(uint64_t))
        self.epoll_fd = epoll_create1(0)
        if self.streams == NULL or self.delays == NULL or self.epoll_fd < 0:
            raise MemoryError("bench streams")
        for index, (fd, target, from_stream) in enumerate(ends):
            stream = &self.streams[index]
            stream.fd = fd
            stream.from_stream = from_stream
            stream.seen = <uint8_t*>calloc(self.most, 1)
            if stream.seen == NULL:
                raise MemoryError("bench streams")
            (<uint16_t*>stream.target)[0] = AF_INET
            (<uint16_t*>stream.target)[1] = htons(target[1])
            host = target[0].encode()
            if inet_pton(AF_INET, host, stream.target + 4) != 1:
                raise ValueError(f"target {target!r}: give a numeric IPv4 host")
            setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one))
            interest.events = EPOLLIN
            interest.data.u64 = index
            epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &interest)

    def __dealloc__(self):
        cdef int index
        if self.streams != NULL:
            for index in range(self.count):
                free(self.streams[index].seen)
        free(self.streams)
        free(self.delays)
        if self.epoll_fd >= 0:
            close(self.epoll_fd)

    def run(self, double seconds):
        """Send and receive for so long, then receive what is still under way for 200 ms."""
        cdef uint64_t begin = clock_ns(CLOCK_MONOTONIC) + 10000000
        cdef int index
        for index in range(self.count):
            self.streams[index].due_ns = begin + <uint64_t>index * 20000000 // self.count
        with nogil:
            self.serve(begin + <uint64_t>(seconds * 1e9))

    cdef void serve(self, uint64_t end_ns) noexcept nogil:
        cdef uint64_t now = 0
        cdef uint64_t due
        cdef timespec until
        cdef epoll_event ready[READY]
        cdef int index, number
        cdef int turn = 0
        prctl(PR_SET_TIMERSLACK, 1000)
        while now < end_ns + 200000000:
            now = clock_ns(CLOCK_MONOTONIC)
            # Streams are due in the order of their index.
            while now < end_ns and self.streams[turn].due_ns <= now:
                if now - self.streams[turn].due_ns > self.late_ns:
                    self.late_ns = now - self.streams[turn].due_ns
                self.emit(&self.streams[turn], turn)
                self.streams[turn].due_ns += 20000000
                turn = turn + 1 if turn + 1 < self.count else 0
            number = epoll_wait(self.epoll_fd, ready, READY, 0)
            for index in range(number):
                self.take(&self.streams[ready[index].data.u64])
            if number == READY:
                continue
            due = self.streams[turn].due_ns if now < end_ns else now + 1000000
            if self.gap_ns == 0:
                continue
            if due < now + self.gap_ns:
                due = now + self.gap_ns
            until.tv_sec = due // 1000000000
            until.tv_nsec = due % 1000000000
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)

    cdef void emit(self, Stream* stream, int index) noexcept nogil:
        cdef uint8_t packet[PACKET]
        memset(packet, 0x55, PACKET)
        packet[0] = 0x80
        packet[1] = 0
        (<uint16_t*>(packet + 2))[0] = htons(<uint16_t>stream.sent)
        (<uint32_t*>(packet + 4))[0] = htonl(stream.sent * 160)
        (<uint32_t*>(packet + 8))[0] = htonl(0x10000 + index)
        (<uint32_t*>(packet + 12))[0] = MAGIC
        (<uint32_t*>(packet + 16))[0] = index
        (<uint32_t*>(packet + 20))[0] = stream.sent
        (<uint64_t*>(packet + 24))[0] = clock_ns(CLOCK_REALTIME)
        stream.sent += 1
        sendto(stream.fd, packet, PACKET, MSG_DONTWAIT, <const sockaddr*>stream.target, 16)

    cdef void take(self, Stream* stream) noexcept nogil:
        cdef uint8_t packet[2048]
        cdef uint8_t control[128]
        cdef iovec part
        cdef msghdr message
        cdef cmsghdr* stamp
        cdef timespec arrived
        cdef uint32_t number, ssrc
        cdef int64_t delay
        part.iov_base = packet
        part.iov_len = sizeof(packet)
        while True:
            memset(&message, 0, sizeof(message))
            message.msg_iov = &part
            message.msg_iovlen = 1
            message.msg_control = control
            message.msg_controllen = sizeof(control)
            if recvmsg(stream.fd, &message, MSG_DONTWAIT) < PACKET:
                return
            if (<uint32_t*>(packet + 12))[0] != MAGIC:
                stream.foreign += 1
                continue
            if (<uint32_t*>(packet + 16))[0] != stream.from_stream:
                stream.misdirected += 1
                continue
            ssrc = (<uint32_t*>(packet + 8))[0]
            if stream.got and ssrc != stream.ssrc:
                stream.ssrc_changes += 1
            stream.ssrc = ssrc
            number = (<uint32_t*>(packet + 20))[0]
            if number >= self.most:
                continue
            if stream.seen[number]:
                stream.duplicated += 1
                continue
            stream.seen[number] = 1
            if stream.got and number < stream.highest:
                stream.reordered += 1
            if number > stream.highest:
                stream.highest = number
            stream.got += 1
            stamp = CMSG_FIRSTHDR(&message)
            if stamp == NULL or stamp.cmsg_type != SO_TIMESTAMPNS:
                continue
            memcpy(&arrived, CMSG_DATA(stamp), sizeof(arrived))
            delay = <int64_t>(<uint64_t>arrived.tv_sec * 1000000000 + <uint64_t>arrived.tv_nsec)
            delay -= <int64_t>(<uint64_t*>(packet + 24))[0]
            if delay < 0:
                delay = 0
            if <uint64_t>delay > self.worst_ns:
                self.worst_ns = delay
            self.delays[min(<uint64_t>BUCKETS, <uint64_t>delay // BUCKET_NS)] += 1

    def share_us(self, double share):
        """Delay in microseconds that `share` of the packets stayed under (steps of 5 us)."""
        cdef uint64_t total = 0
        cdef uint64_t so_far = 0
        cdef int index
        for index in range(BUCKETS + 1):
            total += self.delays[index]
        for index in range(BUCKETS + 1):
            so_far += self.delays[index]
            if total and so_far >= share * total:
                return (index + 1) * BUCKET_NS / 1000.0
        return None

    def result(self):
        """Totals over all streams, and delays, as plain data."""
        cdef int index
        cdef Stream* stream
        totals = dict.fromkeys(
            ("sent", "received", "lost", "duplicated", "reordered", "misdirected", "foreign", "ssrc_changes"), 0
        )
        worst_stream = 0
        for index in range(self.count):
            stream = &self.streams[index]
            lost = self.streams[stream.from_stream].sent - stream.got
            worst_stream = max(worst_stream, lost)
            totals["sent"] += stream.sent
            totals["received"] += stream.got
            totals["lost"] += lost
            totals["duplicated"] += stream.duplicated
            totals["reordered"] += stream.reordered
            totals["misdirected"] += stream.misdirected
            totals["foreign"] += stream.foreign
            totals["ssrc_changes"] += stream.ssrc_changes
        return {
            "streams": self.count,
            **totals,
            "lost_in_worst_stream": worst_stream,
            "delay_us": {
                "p50": self.share_us(0.5), "p90": self.share_us(0.9), "p99": self.share_us(0.99),
                "p999": self.share_us(0.999), "worst": self.worst_ns / 1000.0,
            },
            "generator_late_us": self.late_ns / 1000.0,
        }


ctypedef struct Voice:
    int fd
    uint64_t due_ns
    uint32_t sent
    uint32_t got
    uint32_t at
    uint8_t target[16]


cdef class Voices:
    """N streams that say the frames of a sound over and over, and count what comes back; nothing is checked in it.

    `frames` are the payloads, each a packet of 20 ms; `units` is what the timestamp grows by.
    """

    cdef Voice* voices
    cdef int count
    cdef int epoll_fd
    cdef list frames
    cdef uint8_t* data
    cdef uint32_t* starts
    cdef uint32_t frame_count
    cdef uint32_t units
    cdef uint8_t payload_type

    def __cinit__(self, list ends, list frames, uint32_t units, uint8_t payload_type):
        """`ends`: (fd, (IPv4 host, port)) for each stream."""
        cdef int index
        cdef Voice* voice
        cdef epoll_event interest
        cdef bytes host, frame
        cdef uint32_t at = 0
        self.count = len(ends)
        self.units = units
        self.payload_type = payload_type
        self.frame_count = len(frames)
        self.voices = <Voice*>calloc(self.count, sizeof(Voice))
        self.starts = <uint32_t*>calloc(self.frame_count + 1, sizeof(uint32_t))
        self.data = <uint8_t*>calloc(1, sum(len(frame) for frame in frames) + 1)
        self.epoll_fd = epoll_create1(0)
        for index, frame in enumerate(frames):
            memcpy(self.data + at, <const char*>frame, len(frame))
            self.starts[index] = at
            at += len(frame)
        self.starts[self.frame_count] = at
        for index, (fd, target) in enumerate(ends):
            voice = &self.voices[index]
            voice.fd = fd
            # Nobody says the same as his neighbour.
            voice.at = index * 37 % self.frame_count
            (<uint16_t*>voice.target)[0] = AF_INET
            (<uint16_t*>voice.target)[1] = htons(target[1])
            host = target[0].encode()
            if inet_pton(AF_INET, host, voice.target + 4) != 1:
                raise ValueError(f"target {target!r}: give a numeric IPv4 host")
            interest.events = EPOLLIN
            interest.data.u64 = index
            epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &interest)

    def __dealloc__(self):
        free(self.voices)
        free(self.starts)
        free(self.data)
        if self.epoll_fd >= 0:
            close(self.epoll_fd)

    def run(self, double seconds):
        """Talk for so long; gives (packets sent, packets received)."""
        cdef uint64_t begin = clock_ns(CLOCK_MONOTONIC) + 10000000
        cdef uint64_t sent = 0
        cdef uint64_t got = 0
        cdef int index
        for index in range(self.count):
            self.voices[index].due_ns = begin + <uint64_t>index * 20000000 // self.count
            sent -= self.voices[index].sent
            got -= self.voices[index].got
        with nogil:
            self.serve(begin + <uint64_t>(seconds * 1e9))
        for index in range(self.count):
            sent += self.voices[index].sent
            got += self.voices[index].got
        return sent, got

    cdef void serve(self, uint64_t end_ns) noexcept nogil:
        cdef uint64_t now = 0
        cdef timespec until
        cdef epoll_event ready[READY]
        cdef uint8_t packet[2048]
        cdef int index, number
        cdef int turn = 0
        prctl(PR_SET_TIMERSLACK, 1000)
        while now < end_ns + 100000000:
            now = clock_ns(CLOCK_MONOTONIC)
            while now < end_ns and self.voices[turn].due_ns <= now:
                self.emit(&self.voices[turn], turn)
                self.voices[turn].due_ns += 20000000
                turn = turn + 1 if turn + 1 < self.count else 0
            number = epoll_wait(self.epoll_fd, ready, READY, 0)
            for index in range(number):
                while recv(self.voices[ready[index].data.u64].fd, packet, sizeof(packet), MSG_DONTWAIT) > 0:
                    self.voices[ready[index].data.u64].got += 1
            if number == READY:
                continue
            until.tv_sec = (now + 300000) // 1000000000
            until.tv_nsec = (now + 300000) % 1000000000
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)

    cdef void emit(self, Voice* voice, int index) noexcept nogil:
        cdef uint8_t packet[2048]
        cdef uint32_t length = self.starts[voice.at + 1] - self.starts[voice.at]
        packet[0] = 0x80
        packet[1] = self.payload_type
        (<uint16_t*>(packet + 2))[0] = htons(<uint16_t>voice.sent)
        (<uint32_t*>(packet + 4))[0] = htonl(voice.sent * self.units)
        (<uint32_t*>(packet + 8))[0] = htonl(0x20000 + index)
        memcpy(packet + 12, self.data + self.starts[voice.at], length)
        voice.sent += 1
        voice.at = voice.at + 1 if voice.at + 1 < self.frame_count else 0
        sendto(voice.fd, packet, 12 + length, MSG_DONTWAIT, <const sockaddr*>voice.target, 16)


def flood(int fd, list targets, list datagrams, double rate, double seconds):
    """Send datagrams to targets in turn, `rate` a second for so long; gives how many went out."""
    cdef uint64_t begin = clock_ns(CLOCK_MONOTONIC)
    cdef uint64_t end_ns = begin + <uint64_t>(seconds * 1e9)
    cdef uint64_t now = begin
    cdef uint64_t sent = 0
    cdef uint64_t due
    cdef int count = len(datagrams)
    cdef int target_count = len(targets)
    cdef int index
    cdef uint32_t at = 0
    cdef timespec until
    cdef uint8_t* data = <uint8_t*>calloc(1, sum(len(one) for one in datagrams) + 1)
    cdef uint32_t* starts = <uint32_t*>calloc(count + 1, sizeof(uint32_t))
    cdef uint8_t* addresses = <uint8_t*>calloc(target_count, 16)
    cdef bytes one, host
    if data == NULL or starts == NULL or addresses == NULL:
        raise MemoryError("bench flood")
    for index, one in enumerate(datagrams):
        memcpy(data + at, <const char*>one, len(one))
        starts[index] = at
        at += len(one)
    starts[count] = at
    for index, (name, port) in enumerate(targets):
        host = name.encode()
        (<uint16_t*>(addresses + 16 * index))[0] = AF_INET
        (<uint16_t*>(addresses + 16 * index))[1] = htons(port)
        inet_pton(AF_INET, host, addresses + 16 * index + 4)
    with nogil:
        while now < end_ns:
            due = <uint64_t>((now - begin) * 1e-9 * rate)
            while sent < due:
                index = sent % count
                sendto(
                    fd, data + starts[index], starts[index + 1] - starts[index], MSG_DONTWAIT,
                    <const sockaddr*>(addresses + 16 * (sent % target_count)), 16,
                )
                sent += 1
            until.tv_sec = (now + 200000) // 1000000000
            until.tv_nsec = (now + 200000) % 1000000000
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)
            now = clock_ns(CLOCK_MONOTONIC)
    free(data)
    free(starts)
    free(addresses)
    return sent

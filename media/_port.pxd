# The compiled port: its structures, and the system calls that the data path uses.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    int AF_INET, AF_INET6, MSG_DONTWAIT, MSG_TRUNC, MSG_NOSIGNAL
    ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* source, socklen_t* length)
    ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* to, socklen_t length)

cdef extern from "<arpa/inet.h>" nogil:
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)
    uint32_t htonl(uint32_t value)
    uint32_t ntohl(uint32_t value)
    int inet_pton(int family, const char* text, void* out)
    const char* inet_ntop(int family, const void* host, char* out, socklen_t size)

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int EPOLLIN, EPOLLET, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    int epoll_create1(int flags)
    int epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event)
    int epoll_wait(int epoll_fd, epoll_event* events, int most, int timeout_ms)

cdef extern from "<time.h>" nogil:
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    struct itimerspec:
        timespec it_interval
        timespec it_value
    int CLOCK_MONOTONIC, CLOCK_REALTIME, TIMER_ABSTIME
    int clock_gettime(int clock, timespec* out)
    int clock_nanosleep(int clock, int flags, const timespec* until, timespec* rest)

cdef extern from "<sys/timerfd.h>" nogil:
    int TFD_NONBLOCK, TFD_CLOEXEC, TFD_TIMER_ABSTIME
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec* new, itimerspec* old)

cdef extern from "<sys/eventfd.h>" nogil:
    int EFD_NONBLOCK, EFD_CLOEXEC
    int eventfd(unsigned int value, int flags)
    int eventfd_write(int fd, uint64_t value)
    int eventfd_read(int fd, uint64_t* value)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t* lock, void* attributes)
    int pthread_mutex_destroy(pthread_mutex_t* lock)
    int pthread_mutex_lock(pthread_mutex_t* lock)
    int pthread_mutex_unlock(pthread_mutex_t* lock)

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from "<sys/prctl.h>" nogil:
    int PR_SET_TIMERSLACK
    int prctl(int option, unsigned long value)

cdef extern from "<sys/resource.h>" nogil:
    int PRIO_PROCESS
    int setpriority(int which, int who, int nice)

cdef extern from * nogil:
    void prefetch "__builtin_prefetch" (const void* address)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)


cdef enum:
    BUFFER_BYTES = 2048
    BATCH = 64
    SLOT_BYTES = 512
    CNAME_BYTES = 128
    LATCH_AUTO = 0
    LATCH_STRICT = 1
    LATCH_OFF = 2
    NOT_LATCHED = 0
    GUESSED = 1
    SIGNALLED = 2
    SINK_PEER = 1
    SINK_FRAMES = 2
    SINK_TAP = 4
    SINKS = 3
    TAP_IN = 1
    TAP_OUT = 2
    TAP_ROOM = 65536
    ARRIVALS_MOST = 1 << 24
    SPOKEN_AT_ONCE = 16
    MIXED_WINDOW_NS = 2000000
    MIXED_BEFORE_GATHERING = 4
    MAP_DROP = 255
    EVENT_LATCHED = 1
    EVENT_FINISHED = 2
    EVENT_SILENT = 3
    EVENT_HEARD = 4
    EVENT_DIGIT = 5
    EVENT_SENT = 6
    DIGITS_PASS = 0
    DIGITS_COPY = 1
    DIGITS_WITHHOLD = 2
    MOST_DIGITS = 128
    EVENT_FORMATS = 4
    FLASH = 16
    SEGMENT_UNITS = 0xFFFF
    EVENT_VOLUME = 10
    MORE_ENDS = 2
    STEP_NS = 20000000
    DIALLING_CATCH_UP = 5
    SEGMENT_SLACK = 0x1000
    DIGIT_CEASED_NS = 120000000
    DIGIT_LATE_NS = 2000000000
    DIGIT_SPACE_NS = 50000000
    DIGIT_BURST = 32
    PLAYER_CATCH_UP = 5
    PLAYERS_AT_ONCE = 48
    RTP_MAX_DROPOUT = 3000
    RTP_MAX_MISORDER = 100

# A sockaddr_in or sockaddr_in6 as the kernel gives it; words[0] == 0 is "none".
ctypedef struct Address:
    uint64_t words[4]

# RFC 3550 A.1, A.3, A.8: what we know of the stream that arrives. `past_*` counts earlier SSRCs.
ctypedef struct Reception:
    uint32_t ssrc
    uint8_t known
    uint16_t max_seq
    uint32_t cycles
    uint32_t base_seq
    uint32_t bad_seq
    uint32_t received
    uint32_t expected_prior
    uint32_t received_prior
    uint32_t transit
    uint32_t jitter16
    uint32_t last_sr
    uint64_t last_sr_ns
    int64_t past_expected
    int64_t past_received

# What must survive the death of the process: lives in shared memory, one slot a port.
ctypedef struct Durable:
    uint64_t owner
    uint32_t ssrc
    uint32_t last_ts
    uint64_t last_ns
    uint16_t next_seq
    uint8_t started
    uint8_t latched_by
    uint8_t reported
    uint8_t far_reported
    Address latched
    Address signalled
    Reception reception
    uint64_t packets_in
    uint64_t octets_in
    uint64_t packets_out
    uint64_t octets_out
    uint64_t first_in_ns
    uint64_t last_in_ns
    uint64_t first_out_ns
    uint64_t dropped_foreign
    uint64_t dropped_malformed
    uint64_t dropped_payload_type
    uint64_t dropped_send
    uint64_t rtcp_in
    uint64_t rtcp_out
    int64_t rtt_ns
    int32_t far_lost
    uint32_t far_jitter
    uint32_t far_fraction
    uint64_t digits_id
    uint8_t digits_at
    uint64_t dropped_digits

# A packet on its way to the mix path; its payload follows.
ctypedef struct Arrival:
    uint64_t port_id
    uint64_t arrival_ns
    uint32_t ssrc
    uint32_t timestamp
    uint16_t sequence
    uint16_t length
    uint8_t payload_type
    uint8_t marker

ctypedef struct Player:
    uint64_t id
    const uint8_t* data
    uint64_t size
    uint64_t position
    uint64_t due_ns
    uint64_t ptime_ns
    int64_t plays_left
    uint32_t timestamp
    uint32_t samples
    uint32_t frame_bytes
    uint16_t sequence
    uint8_t payload_type
    int index

# A key that the far end presses (RFC 4733 §2.5.2): the newest packet of its event, and a brake on floods.
ctypedef struct Key:
    uint8_t known
    uint8_t active
    uint8_t code
    uint16_t sequence
    uint32_t timestamp
    uint32_t duration
    uint32_t earlier
    uint32_t rate
    uint64_t last_ns
    uint64_t brake_ns

# Digits on their way to the far end (RFC 4733 §2.5.1), in steps of one packet time.
ctypedef struct Dialling:
    uint64_t id
    uint64_t due_ns
    uint32_t step_units
    uint32_t digit_units
    uint32_t steps
    uint32_t period
    uint32_t step
    uint32_t start
    uint16_t sequence
    uint8_t payload_type
    uint8_t count
    uint8_t at
    int index
    uint8_t codes[MOST_DIGITS]

ctypedef struct Port:
    uint64_t id
    uint64_t revision
    Durable* durable
    Port* peer
    uint64_t peer_id
    uint64_t source
    uint32_t ts_offset
    uint16_t seq_offset
    int rtp_fd
    int rtcp_fd
    uint32_t sinks
    uint32_t clock_rate
    uint8_t send
    uint8_t receive
    uint8_t latch
    uint8_t marked
    uint8_t restarted
    uint8_t digits
    uint8_t occupied
    uint8_t withheld
    uint8_t silent
    uint16_t withheld_seq
    socklen_t target_length
    Address target
    Address remote_rtp
    Address remote_rtcp
    Address rtcp_latched
    uint32_t accept[4]
    uint8_t payload_map[128]
    uint32_t events[4]
    Player player
    uint64_t rtcp_due_ns
    uint64_t silence_ns
    uint64_t watched_ns
    Key key
    uint64_t packets_reported
    uint32_t event_rates[EVENT_FORMATS]
    uint8_t event_types[EVENT_FORMATS]
    uint8_t event_formats
    Dialling dialling
    int index
    uint32_t spoken_ts
    uint16_t spoken_seq
    uint8_t spoken_paused
    uint8_t tapping
    uint32_t tap_used
    uint64_t tap_lost
    uint8_t* tap
    uint8_t cname_length
    uint8_t cname[CNAME_BYTES]

ctypedef struct Packet:
    uint8_t* data
    int payload_offset
    int payload_length
    uint32_t timestamp
    uint32_t ssrc
    uint16_t sequence
    uint8_t payload_type
    uint8_t marker

ctypedef struct Event:
    int kind
    uint64_t port_id
    uint64_t revision
    uint64_t detail
    Address address

ctypedef struct Engine:
    pthread_mutex_t lock
    int waiters
    int stopping
    int epoll_fd
    int timer_fd
    int wake_fd
    int event_fd
    Port* spare
    Port** ports
    int ports_used
    int ports_room
    Port** players
    int players_used
    int players_room
    Port** diallers
    int diallers_used
    int player_turn
    Event* events
    int events_used
    int events_room
    uint64_t now_ns
    uint64_t silence_ns
    uint64_t rtcp_ns
    uint64_t window_ns
    uint64_t tick_ns
    uint64_t housekeeping_ns
    uint64_t housekeeping_due_ns
    int gather_from
    int active
    int mixed
    uint64_t random
    uint64_t wakes
    uint64_t datagrams
    uint64_t reanchors
    uint64_t events_lost
    uint8_t* arrivals
    uint64_t arrivals_used
    uint64_t arrivals_room
    uint64_t arrivals_lost
    epoll_event ready[BATCH]
    uint8_t buffer[BUFFER_BYTES]


cdef inline uint64_t monotonic_ns() noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC, &at)
    return <uint64_t>at.tv_sec * 1000000000 + <uint64_t>at.tv_nsec


cdef inline uint64_t draw(Engine* engine) noexcept nogil:
    # xorshift64*: spreads report times and picks SSRCs; the seed comes from the owner.
    engine.random ^= engine.random >> 12
    engine.random ^= engine.random << 25
    engine.random ^= engine.random >> 27
    return engine.random * <uint64_t>2685821657736338717


cdef inline void note_source(Port* port) noexcept nogil:
    # One byte beside what every packet reads: whether something of our own goes to the far end's ear.
    port.occupied = port.player.index >= 0 or port.dialling.index >= 0


cdef inline uint16_t family_of(const Address* address) noexcept nogil:
    return (<const uint16_t*>address)[0]


cdef inline uint16_t port_of(const Address* address) noexcept nogil:
    return ntohs((<const uint16_t*>address)[1])


cdef inline void set_port(Address* address, uint16_t port) noexcept nogil:
    (<uint16_t*>address)[1] = htons(port)


cdef inline socklen_t length_of(const Address* address) noexcept nogil:
    return 16 if family_of(address) == AF_INET else 28


cdef inline bint same_address(const Address* one, const Address* other) noexcept nogil:
    # The first word holds family, port and IPv4 host (or IPv6 flow); two more hold an IPv6 host.
    if one.words[0] != other.words[0]:
        return False
    if family_of(one) == AF_INET:
        return True
    return one.words[1] == other.words[1] and one.words[2] == other.words[2]


cdef inline bint same_host(const Address* one, const Address* other) noexcept nogil:
    if family_of(one) != family_of(other):
        return False
    if family_of(one) == AF_INET:
        return (one.words[0] >> 32) == (other.words[0] >> 32)
    return one.words[1] == other.words[1] and one.words[2] == other.words[2]

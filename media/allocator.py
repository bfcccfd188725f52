"""Port allocator: pairs of UDP sockets, even number for RTP and the next for RTCP, numbers rest after use."""

import errno
import random
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_TOS_EXPEDITED = 0xB8  # RFC 3246: EF, for voice


class NoPortsLeft(Exception):
    """Every port pair is in use or rests; the message says how many there are and which setting to widen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketPair:
    """Two bound, non-blocking UDP sockets of one port."""

    address: str
    rtp_port: int
    rtp: socket.socket
    rtcp: socket.socket


def bind_udp(address: str, port: int) -> socket.socket:
    """Bind a non-blocking UDP socket, marked for expedited forwarding. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _TOS_EXPEDITED)
        else:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _TOS_EXPEDITED)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


class PortAllocator:
    """Hands out port pairs of one range for each local address, longest rested first (RFC 3550 §11).

    A freed number rests `rest_s` so that late packets of the old call never reach a new one. When only resting
    numbers are left, the longest rested is taken if it rested `shortest_rest_s` (counted in `short_rests`).
    `now` gives monotonic seconds; `rng` shuffles the first round, so that ports cannot be foretold.
    """

    def __init__(
        self,
        *,
        addresses: tuple[str, ...],
        port_min: int,
        port_max: int,
        now: Callable[[], float],
        rng: random.Random | None = None,
        rest_s: float = 30.0,
        shortest_rest_s: float = 2.0,
        bind: Callable[[str, int], socket.socket] = bind_udp,
    ) -> None:
        numbers = list(range(port_min + port_min % 2, port_max, 2))
        if not addresses or not numbers:
            raise ValueError(f"RTP ports {port_min}-{port_max} hold no even/odd pair; widen the range")
        if rng is not None:
            rng.shuffle(numbers)
        self._now = now
        self._bind = bind
        self._rest_s = rest_s
        self._shortest_rest_s = shortest_rest_s
        self._free: dict[str, deque[int]] = {address: deque(numbers) for address in addresses}
        self._resting: dict[str, deque[tuple[float, int]]] = {address: deque() for address in addresses}
        self._range = f"{port_min}-{port_max}"
        self.pairs = len(numbers) * len(addresses)
        self.short_rests = 0
        self.bound_by_others = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Local addresses, the default one first."""
        return tuple(self._free)

    def take(self, address: str | None = None) -> SocketPair:
        """Bind the next free pair on `address` (None: the first). Raises NoPortsLeft."""
        where = next(iter(self._free)) if address is None else address
        if where not in self._free:
            raise NoPortsLeft(f"no RTP ports on {where}; configured are {', '.join(self._free)}")
        self._wake_rested(where)
        free = self._free[where]
        for _ in range(len(free)):
            number = free.popleft()
            pair = self._bind_pair(where, number)
            if pair is not None:
                return pair
            free.append(number)
        pair = self._take_resting(where)
        if pair is None:
            raise NoPortsLeft(f"all RTP ports {self._range} on {where} are in use; widen media.port_min/max")
        return pair

    def give_back(self, address: str, number: int) -> None:
        """Let a number rest; its sockets are closed by the caller."""
        self._resting[address].append((self._now(), number))

    def _wake_rested(self, address: str) -> None:
        resting, free = self._resting[address], self._free[address]
        before = self._now() - self._rest_s
        while resting and resting[0][0] <= before:
            free.append(resting.popleft()[1])

    def _take_resting(self, address: str) -> SocketPair | None:
        resting = self._resting[address]
        before = self._now() - self._shortest_rest_s
        while resting and resting[0][0] <= before:
            number = resting.popleft()[1]
            pair = self._bind_pair(address, number)
            if pair is not None:
                self.short_rests += 1
                return pair
            self._free[address].append(number)
        return None

    def _bind_pair(self, address: str, number: int) -> SocketPair | None:
        try:
            rtp = self._bind(address, number)
        except OSError as error:
            self._note_refusal(error, address)
            return None
        try:
            rtcp = self._bind(address, number + 1)
        except OSError as error:
            rtp.close()
            self._note_refusal(error, address)
            return None
        return SocketPair(address=address, rtp_port=number, rtp=rtp, rtcp=rtcp)

    def _note_refusal(self, error: OSError, address: str) -> None:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            self.bound_by_others += 1
            return
        raise NoPortsLeft(f"no UDP socket on {address}: {error}; check the address and the file limit") from error

"""UDP transport: raw non-blocking sockets on an event loop, drained in batches (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

from sip.flow import Address, Flow, print_address

DRAIN = 64
"""Datagrams taken per wake, so that one busy socket does not starve the rest of the loop."""
MAX_DATAGRAM = 65535
RECEIVE_BUFFER = 4 << 20

# Linux numbers that the socket module does not name.
_IP_PKTINFO = 8
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_SO_RXQ_OVFL = 40
_SO_MEMINFO = 55
_MSG_ERRQUEUE = 0x2000
_IN_PKTINFO = struct.Struct("@i4s4s")
_ANCILLARY = socket.CMSG_SPACE(64) * 2

Deliver = Callable[[bytes, Flow], None]
Unreachable = Callable[[Address], None]


@dataclass(slots=True)
class UdpCounters:
    """What a listener counted since it was opened. `kernel_drops` is the socket's own counter (SO_RXQ_OVFL)."""

    received: int = 0
    sent: int = 0
    send_failures: int = 0
    kernel_drops: int = 0


class UdpListener:
    """One bound UDP socket. A wildcard address learns the local address of each datagram (IP_PKTINFO)."""

    def __init__(
        self,
        address: Address,
        deliver: Deliver,
        unreachable: Unreachable,
        drained: Callable[[], None],
    ) -> None:
        self.counters = UdpCounters()
        self.backlog_bytes = 0
        """What still waited in the kernel when as much as one wake takes had been taken."""
        self._deliver = deliver
        self._unreachable = unreachable
        self._drained = drained
        self._sources: dict[str, list[tuple[int, int, bytes]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flows: dict[tuple[Address, Address], Flow] = {}
        v6 = ":" in address[0]
        self._family = socket.AF_INET6 if v6 else socket.AF_INET
        self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            self._configure(v6)
            self._socket.bind(address)
        except OSError as error:
            self._socket.close()
            text = f"cannot listen for SIP on UDP {address[0]} port {address[1]}: {error.strerror}"
            raise OSError(error.errno, text) from error
        bound = self._socket.getsockname()
        self.address: Address = (bound[0], bound[1])
        self.name = f"udp:{print_address(self.address)}"
        self._wildcard = ipaddress.ip_address(bound[0]).is_unspecified

    def _configure(self, v6: bool) -> None:
        sock = self._socket
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        if v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)

    @property
    def family(self) -> socket.AddressFamily:
        return self._family

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._readable)

    def _listen_again(self) -> None:
        """Ask the loop anew: libuv stops polling a socket that reports an error, and the listener would be deaf."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        self._socket.close()

    def flow(self, local: Address, remote: Address) -> Flow:
        """The flow of two addresses; made once while it is in use."""
        flow = self._flows.get((local, remote))
        if flow is None:
            if len(self._flows) > 100_000:
                self._flows.clear()
            flow = self._flows[local, remote] = Flow(self.name, "UDP", local, remote)
        return flow

    def send(self, flow: Flow, data: bytes) -> None:
        """Send one datagram. UDP promises nothing: a full buffer loses it, and retransmission makes up for that."""
        try:
            self._send(flow, data)
        except BlockingIOError:
            self.counters.send_failures += 1
        except OSError:
            # Most likely the report of an earlier datagram to somebody else: this one deserves another try.
            self._drain_errors(None)
            try:
                self._send(flow, data)
            except OSError:
                self.counters.send_failures += 1
                self._drain_errors(flow.remote)

    def _send(self, flow: Flow, data: bytes) -> None:
        if self._wildcard:
            self._socket.sendmsg((data,), self._source(flow.local[0]), 0, flow.remote)
        else:
            self._socket.sendto(data, flow.remote)
        self.counters.sent += 1

    def _source(self, host: str) -> list[tuple[int, int, bytes]]:
        """Ancillary data that makes the kernel send from one of our addresses."""
        known = self._sources.get(host)
        if known is None:
            packed = socket.inet_pton(self._family, host)
            if self._family == socket.AF_INET6:
                known = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, packed + struct.pack("@i", 0))]
            else:
                known = [(socket.IPPROTO_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, packed, b"\0\0\0\0"))]
            self._sources[host] = known
        return known

    def _readable(self) -> None:
        self._drain()
        self._drained()

    def _drain(self) -> None:
        receive = self._socket.recvmsg
        counters = self.counters
        for turn in range(DRAIN):
            try:
                data, ancillary, _flags, peer = receive(MAX_DATAGRAM, _ANCILLARY)
            except BlockingIOError:
                if not turn:
                    # Woken for nothing but errors that may still wait in their queue.
                    self._drain_errors(None)
                self.backlog_bytes = 0
                return
            except OSError:
                self._drain_errors(None)
                continue
            counters.received += 1
            local = self.address
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET:
                    if kind == _SO_RXQ_OVFL:
                        counters.kernel_drops = int.from_bytes(value[:4], "little")
                elif self._wildcard:
                    local = (self._local_host(level, kind, value) or local[0], local[1])
            self._deliver(data, self.flow(local, (peer[0], peer[1])))

        self.backlog_bytes = self._waiting_bytes()

    def _waiting_bytes(self) -> int:
        """What the kernel holds for this socket, its own bookkeeping included (SK_MEMINFO_RMEM_ALLOC)."""
        return int.from_bytes(self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4), sys.byteorder)

    def _local_host(self, level: int, kind: int, value: bytes) -> str | None:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, value[4:8])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, value[:16])
        return None

    def _drain_errors(self, failed: Address | None) -> None:
        """Read the socket's error queue: which peers the network reports unreachable (IP_RECVERR)."""
        if self._loop is not None:
            self._loop.call_soon(self._listen_again)
        told: set[Address] = set()
        for _ in range(DRAIN):
            try:
                _data, _ancillary, _flags, peer = self._socket.recvmsg(512, 512, _MSG_ERRQUEUE)
            except OSError:
                break
            if peer:
                told.add((peer[0], peer[1]))
        if not told and failed is not None:
            told.add(failed)
        for remote in told:
            self._unreachable(remote)


def local_address_for(remote: Address, family: socket.AddressFamily) -> str:
    """Which of our addresses the kernel would send from to reach a peer; nothing is sent.

    Raises OSError where there is no route.
    """
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote if remote[1] else (remote[0], 9))
        host = probe.getsockname()[0]
        assert isinstance(host, str)
        return host

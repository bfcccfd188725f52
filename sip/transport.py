"""The transports of one node: which socket sends what, and how a host name becomes a flow (RFC 3263, A and AAAA)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from sip.connection import StreamLimits
from sip.connection_table import ConnectionTable
from sip.connector import Connector
from sip.errors import MalformedMessage
from sip.events import ResolveNeeded
from sip.flow import Address, Flow
from sip.parser import parse_message
from sip.stream_listener import StreamListener
from sip.tls import TlsContexts
from sip.transport_user import TransportUser
from sip.udp import UdpListener, local_address_for

DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
"""RFC 3261 §19.1.2."""
NAME_TTL_S = 60.0
LITERAL_TTL_S = 3600.0
SWEEP_S = 5.0

Resolved = Callable[[Flow | None, float], None]


class Transports:
    """All SIP sockets of the node. `tls` None: there is no TLS."""

    def __init__(
        self,
        user: TransportUser,
        loop: asyncio.AbstractEventLoop,
        *,
        tls: TlsContexts | None = None,
        limits: StreamLimits | None = None,
    ) -> None:
        self._user = user
        self._loop = loop
        self._tls = tls
        self._listeners: dict[str, UdpListener] = {}
        self._streams: list[StreamListener] = []
        self._lookups: set[asyncio.Task[None]] = set()
        self._table = ConnectionTable(user, loop, limits or StreamLimits())
        self._connector = Connector(self._table, loop, self._stream_listener, tls, user.transport_trouble)
        self._swept_at = 0.0
        self.counters = self._table.counters
        self.unsendable = 0
        """Messages for a listener that is closed."""

    # -- listening

    def listen_udp(self, address: Address) -> UdpListener:
        """Open a UDP listener. Raises OSError that names the address."""
        listener = UdpListener(address, self._user.receive, self._user.unreachable, self._user.pump)
        self._listeners[listener.name] = listener
        listener.open(self._loop)
        return listener

    def listen_tcp(self, address: Address) -> StreamListener:
        """Open a TCP listener. Raises OSError that names the address."""
        return self._listen(StreamListener(address, self._table, None))

    def listen_tls(self, address: Address) -> StreamListener:
        """Open a TLS listener; there must be certificates. Raises OSError that names the address."""
        assert self._tls is not None
        return self._listen(StreamListener(address, self._table, self._tls.server))

    def _listen(self, listener: StreamListener) -> StreamListener:
        self._streams.append(listener)
        listener.open(self._loop)
        return listener

    @property
    def listeners(self) -> list[UdpListener]:
        return list(self._listeners.values())

    @property
    def stream_listeners(self) -> list[StreamListener]:
        return list(self._streams)

    def _stream_listener(self, transport: str, family: socket.AddressFamily) -> StreamListener | None:
        return next((one for one in self._streams if one.transport == transport and one.family == family), None)

    @property
    def backlog_bytes(self) -> int:
        """How much waits in the kernel at the fullest UDP socket, as of its last wake."""
        most = 0
        for listener in self._listeners.values():
            most = max(most, listener.backlog_bytes)
        return most

    # -- connections

    @property
    def connections(self) -> int:
        return len(self._table)

    def is_open(self, flow: Flow) -> bool:
        """Whether something can be sent over a flow: a connection may have closed, a UDP flow never does."""
        return flow.connection is None or self._table.get(flow.connection) is not None

    def vouch(self, flow: Flow) -> None:
        """The peer at the other end is known: its connection may be idle for as long as a registration lasts."""
        if flow.connection is not None:
            connection = self._table.get(flow.connection)
            if connection is not None:
                connection.vouch()

    def beat(self) -> None:
        """Look after the connections; to be called every second or so."""
        now = self._loop.time()
        if now - self._swept_at >= SWEEP_S:
            self._swept_at = now
            self._table.sweep(now)

    def restored_flow(self, local: Address, remote: Address, transport: str = "UDP") -> Flow | None:
        """The flow of a binding that outlived a restart: the listener on its port, or the first of its family.

        A connection did not outlive it: its flow is there, and closed.
        """
        family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
        if transport != "UDP":
            stream = self._stream_listener(transport, family)
            if stream is None:
                return None
            return Flow(stream.name, transport, (local[0], stream.address[1]), remote, connection=0)
        fitting = [one for one in self._listeners.values() if one.family == family]
        if not fitting:
            return None
        listener = next((one for one in fitting if one.address[1] == local[1]), fitting[0])
        return listener.flow((local[0], listener.address[1]), remote)

    # -- sending

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a message over a flow; an answer whose connection has gone finds another way (RFC 3261 §18.2.2)."""
        number = flow.connection
        if number is not None:
            connection = self._table.get(number)
            if connection is None or not connection.write(data):
                self._send_elsewhere(flow, data)
            return
        listener = self._listeners.get(flow.listener)
        if listener is None:
            self.unsendable += 1
            return
        listener.send(flow, data)

    def _send_elsewhere(self, flow: Flow, data: bytes) -> None:
        if not data.startswith(b"SIP/2.0 "):
            # Whoever awaits its answer is told, though not before the sender is done.
            self._loop.call_soon(self._user.flow_closed, flow)
            return
        try:
            via = parse_message(data).top_via
        except MalformedMessage:
            # Even the Via of a request that could not be read stands in its answer as it came.
            self.counters.unanswerable += 1
            return
        port = via.port or DEFAULT_PORTS[flow.transport]

        def then(other: Flow | None) -> None:
            connection = None if other is None else self._table.get(other.connection or 0)
            if connection is None or not connection.write(data):
                self.counters.unanswerable += 1

        self._connector.connect(flow.transport, flow.remote[0], port, then, quiet=True)

    # -- resolving

    def resolve(self, event: ResolveNeeded, then: Resolved) -> None:
        """Find the flow to a next hop; addresses at once, names and connections in the background."""
        if event.transport not in DEFAULT_PORTS:
            then(None, 0.0)
            return
        port = event.port or DEFAULT_PORTS[event.transport]
        try:
            ipaddress.ip_address(event.host)
            ttl_s = LITERAL_TTL_S
        except ValueError:
            ttl_s = NAME_TTL_S
        if event.transport != "UDP":
            self._connector.connect(event.transport, event.host, port, lambda flow: then(flow, ttl_s))
        elif ttl_s == LITERAL_TTL_S:
            then(self._flow_to((event.host, port)), ttl_s)
        else:
            task = self._loop.create_task(self._look_up(event.host, port, then))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)

    async def _look_up(self, host: str, port: int, then: Resolved) -> None:
        try:
            found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            # UnicodeError: a label that is too long, or empty, for a name (RFC 1035 §2.3.4).
            found = []
        for _family, _type, _proto, _name, address in found:
            flow = self._flow_to((str(address[0]), port))
            if flow is not None:
                then(flow, NAME_TTL_S)
                return
        then(None, 0.0)

    def _flow_to(self, remote: Address) -> Flow | None:
        family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
        for listener in self._listeners.values():
            if listener.family != family:
                continue
            local = listener.address
            if ipaddress.ip_address(local[0]).is_unspecified:
                try:
                    local = (local_address_for(remote, family), local[1])
                except OSError:
                    return None
            return listener.flow(local, remote)
        return None

    def close(self) -> None:
        for task in self._lookups:
            task.cancel()
        self._connector.close()
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        self._table.close()

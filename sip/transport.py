"""The transports of one node: which listener sends what, and how a host name becomes a flow (RFC 3263, A and AAAA)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from sip.events import ResolveNeeded
from sip.flow import Address, Flow
from sip.udp import Deliver, UdpListener, Unreachable, local_address_for

DEFAULT_PORT = 5060
NAME_TTL_S = 60.0
LITERAL_TTL_S = 3600.0

Resolved = Callable[[Flow | None, float], None]


class Transports:
    """All SIP sockets of the node."""

    def __init__(
        self,
        deliver: Deliver,
        unreachable: Unreachable,
        drained: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._deliver = deliver
        self._unreachable = unreachable
        self._drained = drained
        self._loop = loop
        self._listeners: dict[str, UdpListener] = {}
        self._lookups: set[asyncio.Task[None]] = set()
        self.unsendable = 0
        """Messages for a listener that is closed."""

    def listen_udp(self, address: Address) -> UdpListener:
        """Open a UDP listener. Raises OSError that names the address."""
        listener = UdpListener(address, self._deliver, self._unreachable, self._drained)
        self._listeners[listener.name] = listener
        listener.open(self._loop)
        return listener

    @property
    def listeners(self) -> list[UdpListener]:
        return list(self._listeners.values())

    def restored_flow(self, local: Address, remote: Address) -> Flow | None:
        """The flow of a binding that outlived a restart: the listener on its port, or the first of its family."""
        family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
        fitting = [one for one in self._listeners.values() if one.family == family]
        if not fitting:
            return None
        listener = next((one for one in fitting if one.address[1] == local[1]), fitting[0])
        return listener.flow((local[0], listener.address[1]), remote)

    def send(self, flow: Flow, data: bytes) -> None:
        listener = self._listeners.get(flow.listener)
        if listener is None:
            self.unsendable += 1
            return
        listener.send(flow, data)

    def resolve(self, event: ResolveNeeded, then: Resolved) -> None:
        """Find the flow to a next hop; addresses at once, names in the background."""
        if event.transport != "UDP":
            then(None, 0.0)
            return
        port = event.port or DEFAULT_PORT
        try:
            ipaddress.ip_address(event.host)
        except ValueError:
            task = self._loop.create_task(self._look_up(event.host, port, then))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)
            return
        then(self._flow_to((event.host, port)), LITERAL_TTL_S)

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
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

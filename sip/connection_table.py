"""Connection table: every connection of the node by number, how many there may be, and what is sent over them."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from sip.connection import Connection, StreamCounters, StreamLimits
from sip.flow import Flow
from sip.framing import FramingError

if TYPE_CHECKING:
    from sip.stream_listener import StreamListener
    from sip.transport_user import TransportUser

PeerKey = tuple[str, str, int, str]
"""Transport, address, port, and for TLS the host name that its certificate proved."""


class ConnectionTable:
    """Numbers, counts and finds connections; what they bring goes to the user of the transports."""

    def __init__(self, user: TransportUser, loop: asyncio.AbstractEventLoop, limits: StreamLimits) -> None:
        self.counters = StreamCounters()
        self.limits = limits
        self._user = user
        self._loop = loop
        self._numbers = count(1)
        self._open: dict[int, Connection] = {}
        self._begun: set[Connection] = set()
        """Those in their handshake."""
        self._sources: Counter[str] = Counter()
        self._ours: dict[PeerKey, Connection] = {}
        self._keys: dict[int, list[PeerKey]] = {}
        """What each connection of ours is known by."""
        self._drain_due = False

    def __len__(self) -> int:
        return len(self._open)

    # -- making

    def inbound(self, listener: StreamListener, host: str) -> Connection | None:
        """A connection for an accepted socket; None where there are too many, in all or of its source."""
        limits = self.limits
        total = len(self._open) + len(self._begun)
        if total >= limits.connections or self._sources[host] >= limits.per_source:
            self.counters.refused += 1
            return None
        connection = self._make(listener, inbound=True, expected=None)
        connection.source = host
        self._sources[host] += 1
        return connection

    def outbound(self, listener: StreamListener, expected: str | None) -> Connection | None:
        """A connection that we are about to make; None where there are too many."""
        if len(self._open) + len(self._begun) >= self.limits.connections:
            self.counters.refused += 1
            return None
        return self._make(listener, inbound=False, expected=expected)

    def _make(self, listener: StreamListener, *, inbound: bool, expected: str | None) -> Connection:
        connection = Connection(
            self,
            next(self._numbers),
            listener=listener.name,
            transport=listener.transport,
            local_port=listener.address[1],
            inbound=inbound,
            expected=expected,
        )
        self._begun.add(connection)
        return connection

    # -- what connections report

    def opened(self, connection: Connection) -> None:
        self._begun.discard(connection)
        self._open[connection.number] = connection
        if connection.inbound:
            self.counters.accepted += 1
        else:
            self.counters.connected += 1
        connection.look(self._loop.time())
        assert connection.flow is not None
        self._user.flow_opened(connection.flow)

    def message(self, data: bytes, flow: Flow) -> None:
        self._user.receive(data, flow)

    def unframed(self, error: FramingError, flow: Flow) -> None:
        self._user.unframed(error, flow)

    def drained(self) -> None:
        """The user is told once for all connections that had something in this turn of the loop."""
        if not self._drain_due:
            self._drain_due = True
            self._loop.call_soon(self._tell_drained)

    def _tell_drained(self) -> None:
        self._drain_due = False
        self._user.pump()

    def closed(self, connection: Connection) -> None:
        """The connection is gone, or never came up; more than one report does no harm."""
        self._begun.discard(connection)
        if connection.source is not None:
            self._sources[connection.source] -= 1
            if not self._sources[connection.source]:
                del self._sources[connection.source]
            connection.source = None
        if self._open.pop(connection.number, None) is None:
            return
        for key in self._keys.pop(connection.number, ()):
            if self._ours.get(key) is connection:
                del self._ours[key]
        assert connection.flow is not None
        self._user.flow_closed(connection.flow)

    # -- using

    def get(self, number: int) -> Connection | None:
        return self._open.get(number)

    def remember(self, key: PeerKey, connection: Connection) -> None:
        """A connection of ours may be used for this peer from now on."""
        self._ours[key] = connection
        self._keys.setdefault(connection.number, []).append(key)

    def known(self, key: PeerKey) -> Flow | None:
        """The connection that we made to a peer before (RFC 3261 §18.1.1)."""
        connection = self._ours.get(key)
        return connection.flow if connection is not None else None

    def sweep(self, now: float) -> None:
        """Look after every connection: idle ones, slow ones, those to be pinged."""
        for connection in list(self._open.values()):
            connection.look(now)

    def close(self) -> None:
        for connection in [*self._open.values(), *self._begun]:
            connection.abort()

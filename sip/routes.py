"""Routes: next hops become flows (RFC 3263), by an event out and a call in; a connection's routes end with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

from sip.dialog import Hop
from sip.events import Event, ResolveNeeded
from sip.flow import Flow, Reuse, Target

NO_STREAM_S = 300.0
"""How long a UDP peer that takes no TCP connection is not asked again."""

Found = Callable[[Flow | None, float], None]


class Routes:
    """What is known of the way to next hops, `max_routes` of them at the most, and who waits for an answer."""

    def __init__(self, events: deque[Event], max_routes: int) -> None:
        self._events = events
        self._max_routes = max_routes
        self._queries = count(1)
        self._known: dict[Target, tuple[Flow, float]] = {}
        self._waiting: dict[int, tuple[Target, list[Found]]] = {}
        self._asked: dict[Target, int] = {}
        self._no_stream: dict[Target, float] = {}
        """UDP peers that take no TCP, and until when that is believed."""
        self._connections: dict[int, set[Target]] = {}
        """Connections that are up, with the next hops that are reached over each."""

    @property
    def lookups(self) -> int:
        """How many next hops are being resolved."""
        return len(self._waiting)

    def find(self, hop: Hop, now: float, then: Found) -> None:
        """Call `then` with the flow to a next hop, at once where it is known; with None where there is none."""
        if isinstance(hop, Flow):
            then(hop if hop.connection is None or hop.connection in self._connections else None, now)
            return
        if isinstance(hop, Reuse):
            if hop.flow.connection in self._connections:
                then(hop.flow, now)
                return
            hop = hop.otherwise
        known = self._known.get(hop)
        if known is not None and known[1] > now:
            then(known[0], now)
            return
        query = self._asked.get(hop)
        if query is None:
            query = self._asked[hop] = next(self._queries)
            self._waiting[query] = (hop, [])
            self._events.append(ResolveNeeded(query, hop.host, hop.port, hop.transport))
        self._waiting[query][1].append(then)

    def resolved(self, query: int, flow: Flow | None, ttl_s: float, now: float) -> None:
        """The answer to ResolveNeeded; one that nobody waits for is dropped."""
        hop, waiting = self._waiting.pop(query, (None, []))
        if hop is None:
            return
        del self._asked[hop]
        if flow is not None and ttl_s > 0:
            if len(self._known) >= self._max_routes:
                self._known.clear()
            self._known[hop] = (flow, now + ttl_s)
            if flow.connection is not None and flow.connection in self._connections:
                self._connections[flow.connection].add(hop)
        for then in waiting:
            then(flow, now)

    # -- streams for large requests (RFC 3261 §18.1.1)

    def takes_stream(self, target: Target, now: float) -> bool:
        """Whether a TCP connection to a UDP peer is worth a try."""
        return self._no_stream.get(target, 0.0) <= now

    def has_no_stream(self, target: Target, now: float) -> None:
        """That was tried in vain."""
        if len(self._no_stream) >= self._max_routes:
            self._no_stream.clear()
        self._no_stream[target] = now + NO_STREAM_S

    # -- connections

    def opened(self, flow: Flow) -> None:
        """A connection is up."""
        if flow.connection is not None:
            self._connections.setdefault(flow.connection, set())

    def closed(self, flow: Flow) -> None:
        """A connection has gone: nobody is routed over it any more."""
        for hop in self._connections.pop(flow.connection or 0, ()):
            known = self._known.get(hop)
            if known is not None and known[0] == flow:
                del self._known[hop]

"""Connection: one TCP or TLS connection, its bytes framed, its peer watched for being slow (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol, cast

from sip.flow import Address, Flow
from sip.framing import PING, PONG, FramingError, StreamFramer
from sip.identity import proven_names, proves

DRAIN: Final = 64
"""Messages taken at once, so that one busy peer does not starve the rest of the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """What connections may cost. `strange_*` holds for peers that nobody has vouched for yet."""

    connections: int = 10_000
    per_source: int = 1_000
    """Connections of one remote address."""
    connect_s: float = 3.0
    """For a connection of ours, and again for its handshake; less than a trunk has to show progress."""
    handshake_s: float = 10.0
    message_s: float = 10.0
    """From the first byte of a message to its last."""
    strange_idle_s: float = 64.0
    idle_s: float = 4000.0
    """Longer than a registration lasts without its refresh."""
    ping_s: float = 95.0
    """RFC 5626 §4.4.1: 95 to 120 s between the pings of a client over a connection."""
    strange_unread: int = 256 << 10
    unread: int = 4 << 20
    """Bytes for a peer that does not read them."""


@dataclass(slots=True)
class StreamCounters:
    """What happened to connections since the start."""

    accepted: int = 0
    connected: int = 0
    refused: int = 0
    """Over a limit."""
    handshakes_failed: int = 0
    connects_failed: int = 0
    idle: int = 0
    slow_readers: int = 0
    slow_writers: int = 0
    unframed: int = 0
    unanswerable: int = 0
    """Answers whose connection had gone, and whose sender could not be connected to."""


class ConnectionOwner(Protocol):
    """Who keeps the connections (`sip.connection_table.ConnectionTable`)."""

    counters: StreamCounters
    limits: StreamLimits

    def opened(self, connection: Connection) -> None: ...
    def message(self, data: bytes, flow: Flow) -> None: ...
    def unframed(self, error: FramingError, flow: Flow) -> None: ...
    def drained(self) -> None: ...
    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One connection, made by us or accepted; `flow` is there once it is up.

    `local_port` is the port at which we can be reached, that of the listener, which a peer may connect to when this
    connection is gone. `expected` is the name that a TLS peer must prove (RFC 5922 §7.3), None where any will do.
    """

    def __init__(
        self,
        owner: ConnectionOwner,
        number: int,
        *,
        listener: str,
        transport: str,
        local_port: int,
        inbound: bool,
        expected: str | None = None,
    ) -> None:
        self.number = number
        self.inbound = inbound
        self.name = transport
        self.flow: Flow | None = None
        self.source: str | None = None
        """The remote address that it counts for, once it counts."""
        self.failure: str | None = None
        """Why it did not come up, where we know."""
        self.vouched = not inbound
        self._owner = owner
        self._listener = listener
        self._local_port = local_port
        self._expected = expected
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._taken = 0
        self._paused = False
        self._active = True
        self._idle_since = 0.0
        self._pinged_at = 0.0
        self._partial: tuple[int, float] | None = None
        """Which message was incomplete when last looked at, and since when."""

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = self._transport = cast(asyncio.Transport, transport)
        names = proven_names(transport.get_extra_info("peercert")) if self.name == "TLS" else ()
        if self._expected is not None and not proves(names, self._expected):
            self.failure = f"its certificate is for {', '.join(names) or 'nobody'}, not for {self._expected}"
            stream.abort()
            return
        local, remote = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        if not local or not remote:
            self.failure = "it was gone at once"
            stream.abort()
            return
        self.flow = Flow(
            self._listener, self.name, (local[0], self._local_port), (remote[0], remote[1]), self.number, names
        )
        limits = self._owner.limits
        stream.set_write_buffer_limits(high=limits.unread if self.vouched else limits.strange_unread)
        if names and self.inbound:
            self.vouch()
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        self._framer.feed(data)
        if self.vouched:
            self._active = True
        self._read()

    def _read(self) -> None:
        """Deliver what is whole; of a flood only some now, and nothing more is read meanwhile."""
        owner, framer, flow, stream = self._owner, self._framer, self.flow, self._transport
        if flow is None or stream is None or stream.is_closing():
            return
        taken = 0
        try:
            while taken < DRAIN and (message := framer.next_message()) is not None:
                taken += 1
                owner.message(message, flow)
        except FramingError as error:
            owner.counters.unframed += 1
            owner.unframed(error, flow)
            self._close_soon()
        else:
            if taken == DRAIN:
                if not self._paused:
                    self._paused = True
                    stream.pause_reading()
                asyncio.get_running_loop().call_soon(self._read)
            elif self._paused:
                self._paused = False
                stream.resume_reading()
        if taken:
            self._taken += taken
            self._active = True
        if framer.pongs_due:
            # One for all that came at once: it says no less.
            framer.pongs_due = 0
            self.write(PONG)
        owner.drained()

    def _close_soon(self) -> None:
        """After the answers that are on their way."""
        if self._transport is not None:
            self._transport.pause_reading()
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self.close)

    def pause_writing(self) -> None:
        self._owner.counters.slow_readers += 1
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._owner.closed(self)

    # -- what the owner calls

    @property
    def remote(self) -> Address | None:
        return self.flow.remote if self.flow is not None else None

    def write(self, data: bytes) -> bool:
        """Send a whole message; False where the connection is about to close."""
        stream = self._transport
        if stream is None or stream.is_closing():
            return False
        stream.write(data)
        return True

    def vouch(self) -> None:
        """The peer is known: by its password, its address or its certificate."""
        if not self.vouched:
            self.vouched = True
            if self._transport is not None:
                self._transport.set_write_buffer_limits(high=self._owner.limits.unread)

    def look(self, now: float) -> None:
        """Close the connection where its peer is too slow or silent, ping one of ours; called every few seconds."""
        limits, counters = self._owner.limits, self._owner.counters
        if self._active:
            self._active = False
            self._idle_since = now
        if not self._framer.partial:
            self._partial = None
        elif self._partial is None or self._partial[0] != self._taken:
            self._partial = (self._taken, now)
        elif now - self._partial[1] >= limits.message_s:
            counters.slow_writers += 1
            self.abort()
            return
        if now - self._idle_since >= (limits.idle_s if self.vouched else limits.strange_idle_s):
            counters.idle += 1
            self.close()
        elif not self.inbound and now - max(self._idle_since, self._pinged_at) >= limits.ping_s:
            self._pinged_at = now
            self._framer.pongs_awaited = 1
            self.write(PING)

    def close(self) -> None:
        """Send what is waiting, then close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

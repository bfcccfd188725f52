"""Connector: connections of ours, one attempt per destination, its addresses tried in order (RFC 3263 §4.3)."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable

from sip.connection import Connection
from sip.connection_table import ConnectionTable
from sip.flow import Flow, print_address
from sip.stream_listener import GOODBYE_S, StreamListener, set_liveness
from sip.tls import TlsContexts

Connected = Callable[[Flow | None], None]
FindListener = Callable[[str, socket.AddressFamily], StreamListener | None]

MAX_WAITING = 1_000
"""Who may wait for one connection."""
MAX_ATTEMPTS = 1_000
MAX_ADDRESSES = 8
TELL_AGAIN_S = 60.0

_Destination = tuple[str, str, int]
"""Transport, host, port."""


class Connector:
    """Connects; `tell` takes a line for the log where that fails, at most one a minute for each destination."""

    def __init__(
        self,
        table: ConnectionTable,
        loop: asyncio.AbstractEventLoop,
        find_listener: FindListener,
        tls: TlsContexts | None,
        tell: Callable[[str], None],
    ) -> None:
        self._table = table
        self._loop = loop
        self._find_listener = find_listener
        self._tls = tls
        self._tell = tell
        self._attempts: dict[_Destination, list[Connected]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: dict[_Destination, float] = {}

    def connect(self, transport: str, host: str, port: int, then: Connected, *, quiet: bool = False) -> None:
        """Call `then` with the flow to a host, at once where there is one already, with None where there is no way.

        `quiet`: a stranger named the destination; no log line is for him to cause.
        """
        destination = (transport, host, port)
        waiting = self._attempts.get(destination)
        if waiting is not None:
            if len(waiting) >= MAX_WAITING:
                then(None)
            else:
                waiting.append(then)
            return
        known = self._known(destination, host)
        if known is not None or len(self._attempts) >= MAX_ATTEMPTS:
            then(known)
            return
        self._attempts[destination] = [then]
        task = self._loop.create_task(self._attempt(destination, quiet))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _known(self, destination: _Destination, address: str) -> Flow | None:
        transport, host, port = destination
        return self._table.known((transport, address, port, host if transport == "TLS" else ""))

    async def _attempt(self, destination: _Destination, quiet: bool) -> None:
        flow: Flow | None = None
        try:
            flow, why = await self._try_addresses(destination)
            if flow is None and not quiet:
                self._report(destination, why)
        finally:
            for then in self._attempts.pop(destination, ()):
                then(flow)

    async def _try_addresses(self, destination: _Destination) -> tuple[Flow | None, str]:
        """The flow to the first address that can be reached, or why the last one cannot."""
        transport, host, port = destination
        why = "it has no address"
        for address in await self._addresses(host):
            known = self._known(destination, address)
            if known is not None:
                return known, ""
            connection, why = await self._try(destination, address)
            if connection is not None and connection.flow is not None:
                name = host if transport == "TLS" else ""
                self._table.remember((transport, address, port, name), connection)
                return connection.flow, ""
        return None, why

    async def _addresses(self, host: str) -> list[str]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return [host]
        try:
            found = await self._loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            # UnicodeError: a label that is too long, or empty, for a name (RFC 1035 §2.3.4).
            return []
        return list(dict.fromkeys(str(row[4][0]) for row in found))[:MAX_ADDRESSES]

    async def _try(self, destination: _Destination, address: str) -> tuple[Connection | None, str]:
        """A connection to one address, or why there is none."""
        transport, host, port = destination
        listener = self._find_listener(transport, socket.AF_INET6 if ":" in address else socket.AF_INET)
        if listener is None:
            return None, f"we do not listen on {transport} in its IP version"
        secure = self._tls if transport == "TLS" else None
        expected = host if secure is not None and not secure.is_insecure(host) else None
        connection = self._table.outbound(listener, expected)
        if connection is None:
            return None, "there are too many connections"
        limits = self._table.limits
        try:
            async with asyncio.timeout(limits.connect_s):
                sock = await self._open_socket(listener, address, port)
            await self._loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=secure.client(host) if secure is not None else None,
                server_hostname=host if secure is not None else None,
                ssl_handshake_timeout=limits.connect_s if secure is not None else None,
                ssl_shutdown_timeout=GOODBYE_S if secure is not None else None,
            )
        except TimeoutError:
            connection.failure = connection.failure or f"no answer within {limits.connect_s:g} s"
        except (OSError, ValueError) as error:
            # ValueError: a host name that TLS cannot ask for.
            connection.failure = connection.failure or _reason(error)
        finally:
            if connection.flow is None:
                self._table.counters.connects_failed += 1
                self._table.closed(connection)
        if connection.flow is None or self._table.get(connection.number) is None:
            return None, connection.failure or "it was gone at once"
        return connection, ""

    async def _open_socket(self, listener: StreamListener, address: str, port: int) -> socket.socket:
        """A connected socket that comes from the address that we listen on."""
        sock = socket.socket(listener.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            set_liveness(sock)
            if not listener.wildcard:
                sock.bind((listener.address[0], 0))
            await self._loop.sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _report(self, destination: _Destination, why: str) -> None:
        now = self._loop.time()
        if self._told.get(destination, -TELL_AGAIN_S) + TELL_AGAIN_S > now:
            return
        if len(self._told) >= MAX_ATTEMPTS:
            self._told.clear()
        self._told[destination] = now
        transport, host, port = destination
        self._tell(f"no {transport} connection to {print_address((host, port))}: {why}")

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


def _reason(error: OSError | ValueError) -> str:
    """What went wrong, in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__

"""Stream listener: one listening TCP socket, for plain SIP or for SIP over TLS (RFC 3261 §18.2)."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl

from sip.connection import Connection
from sip.connection_table import ConnectionTable
from sip.flow import Address, print_address

ACCEPTS = 64
"""Connections accepted per wake."""
BACKLOG = 1024
PAUSE_S = 1.0
"""How long nobody is let in after the files or the memory ran out."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
GOODBYE_S = 2.0


class StreamListener:
    """Accepts connections and gives each to the table, which may refuse it; `tls` makes it a TLS listener."""

    def __init__(self, address: Address, table: ConnectionTable, tls: ssl.SSLContext | None) -> None:
        self.transport = "TCP" if tls is None else "TLS"
        self._table = table
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            self._configure()
            self._socket.bind(address)
            self._socket.listen(BACKLOG)
        except OSError as error:
            self._socket.close()
            text = f"cannot listen for SIP on {self.transport} {address[0]} port {address[1]}: {error.strerror}"
            raise OSError(error.errno, text) from error
        bound = self._socket.getsockname()
        self.address: Address = (bound[0], bound[1])
        self.name = f"{self.transport.lower()}:{print_address(self.address)}"
        self.wildcard = ipaddress.ip_address(bound[0]).is_unspecified

    def _configure(self) -> None:
        sock = self._socket
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Linux: accepted sockets inherit all of this.
        set_liveness(sock)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        loop, table = self._loop, self._table
        for _ in range(ACCEPTS):
            if loop is None:
                return
            try:
                sock, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    loop.remove_reader(self._socket.fileno())
                    loop.call_later(PAUSE_S, self._resume)
                    return
                continue  # that peer had gone again (accept(2): ECONNABORTED and errors of the network)
            connection = table.inbound(self, peer[0])
            if connection is None:
                sock.close()
                continue
            sock.setblocking(False)
            task = loop.create_task(self._welcome(sock, connection, loop))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._socket.fileno(), self._readable)

    async def _welcome(self, sock: socket.socket, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if self._tls is None:
                await loop.connect_accepted_socket(lambda: connection, sock)
            else:
                await loop.connect_accepted_socket(
                    lambda: connection,
                    sock,
                    ssl=self._tls,
                    ssl_handshake_timeout=self._table.limits.handshake_s,
                    ssl_shutdown_timeout=GOODBYE_S,
                )
        except OSError:
            # Handshake errors and time-outs are OSErrors too; it is the peer's affair.
            self._table.counters.handshakes_failed += 1
        finally:
            if connection.flow is None:
                self._table.closed(connection)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        for task in self._tasks:
            task.cancel()
        self._socket.close()


def set_liveness(sock: socket.socket) -> None:
    """No delay for small messages; a vanished peer is noticed half a minute after a message to it, else by probes."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Often enough for the mappings of common routers, which forget idle connections after minutes.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 45)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

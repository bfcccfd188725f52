"""Doors: the control socket and the HTTP port, opened when everything is up, closed at the end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import ssl
import stat
from contextlib import suppress
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from admin_api.app import control_app, open_app
from admin_api.running import Running
from admin_api.state import ApiState
from admin_api.token_book import TokenBook
from pbx.records.client import RecordsError
from pbx.settings import HttpSettings
from sip.flow import Address, print_address

CONTROL_SOCKET = "control.sock"
USES_S = 60.0
PATIENCE_S = 1.0
"""How long a request under way may take when the server ends."""


class Doors:
    """Serves the API of one running node; `control` is what `control_socket` gave."""

    def __init__(self, running: Running, control: socket.socket) -> None:
        self._running = running
        self._control = control
        self._runners: list[web.AppRunner] = []
        self._uses: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("admin_api")
        self.http: Address | None = None
        """Where HTTP is served; None where it is not."""

    async def open(self) -> None:
        """Open both. A port that is taken is told and nothing more: calls do not need metrics."""
        settings = self._running.settings
        state = ApiState(
            choose=secrets.choice,
            requests_per_minute=settings.http.requests_per_minute,
            open_metrics=settings.http.on_loopback,
        )
        await self._serve(control_app(self._running, state), self._control)
        self._uses = asyncio.create_task(self._keep_uses(state.tokens), name="token uses")
        if not settings.http.enabled:
            return
        try:
            tls = None if settings.http.tls_certificate is None else tls_context(settings.http)
        except (OSError, ssl.SSLError) as error:
            self._log.error(
                "no HTTP: http.tls_certificate or http.tls_key cannot be used",
                file=str(settings.http.tls_certificate),
                why=str(error),
            )
            return
        try:
            bound = tcp_socket((settings.http.listen, settings.http.port))
        except OSError as error:
            self._log.error(
                "no API, no health and no metrics by HTTP; set http.port, or http.enabled = false",
                address=print_address((settings.http.listen, settings.http.port)),
                why=error.strerror,
            )
            return
        self.http = bound.getsockname()[:2]
        await self._serve(open_app(self._running, state), bound, tls)

    async def _serve(self, app: web.Application, bound: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE_S, logger=_http_log())
        await runner.setup()
        self._runners.append(runner)
        await web.SockSite(runner, bound, ssl_context=tls).start()

    async def _keep_uses(self, book: TokenBook) -> None:
        """Read when tokens were last used, and write down from time to time what is new."""
        records, known = self._running.records, False
        try:
            while True:
                with suppress(RecordsError):
                    if not known:
                        book.remember(await records.token_uses())
                        known = True
                await asyncio.sleep(USES_S)
                await self._write_uses(book)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._write_uses(book)

    async def _write_uses(self, book: TokenBook) -> None:
        uses = book.take_new()
        try:
            if uses:
                await self._running.records.note_token_uses(uses)
        except RecordsError:
            # The database is away: once more in a minute.
            book.give_back(uses)

    async def close(self) -> None:
        """Close both, and take the control socket away."""
        if self._uses is not None:
            self._uses.cancel()
            await asyncio.gather(self._uses, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        (self._running.settings.data.directory / CONTROL_SOCKET).unlink(missing_ok=True)


class _OurFaults(logging.Filter):
    """Lets pass what is wrong here. That a peer sent no HTTP is answered 400, and is worth no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _http_log() -> logging.Logger:
    log = logging.getLogger("admin_api.http")
    if not log.filters:
        log.addFilter(_OurFaults())
    return log


def control_socket(directory: Path) -> socket.socket:
    """A bound socket in the data directory, which only its owner can connect to.

    One that an earlier process left behind is replaced: whoever holds the spool's lock is the only server here. Raises
    OSError; FileExistsError where something else than a socket has the name.
    """
    path = directory / CONTROL_SOCKET
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(f"{path} is in the way: the control socket goes there; move it elsewhere")
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # By way of the descriptor: the path of a socket has 107 bytes at the most (unix(7)), that of a folder more.
        made.bind(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
        path.chmod(0o600)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    finally:
        os.close(folder)
    return made


def tls_context(http: HttpSettings) -> ssl.SSLContext:
    """TLS 1.2 or later with the certificate of the settings. Raises OSError, ssl.SSLError."""
    assert http.tls_certificate is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(http.tls_certificate, http.tls_key)
    return context


def tcp_socket(address: Address) -> socket.socket:
    """A bound TCP socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made

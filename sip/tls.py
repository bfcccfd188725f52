"""TLS contexts: certificates by domain (SNI), changed while connections are up; verification of peers (RFC 5922)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sip.identity import expiry

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of each file its time of change, size and number; None where it is missing."""


class TlsError(OSError):
    """A certificate, a key or a list of authorities cannot be used; the text names the file and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """PEM files: a certificate with its chain, and its key; `key` None: it stands in the same file."""

    certificate: Path
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What TLS is made of. `default` serves every domain that has no certificate of its own in `domains`.

    `ca_file`: who vouches for the peers that we connect to (None: whom the system trusts). `client_ca_file`: who
    vouches for those that connect to us; None: they are not asked. `insecure_peers`: hosts that are connected to
    whatever certificate they show.
    """

    default: CertificateFiles
    domains: Mapping[str, CertificateFiles] = field(default_factory=dict)
    ca_file: Path | None = None
    client_ca_file: Path | None = None
    insecure_peers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNews:
    """A certificate was changed, or (`error`) was not: the one before is still in use."""

    domain: str
    file: Path
    expires: datetime
    error: str | None = None


class _Identity:
    """One certificate in use, and what its files were like when it was read."""

    __slots__ = ("context", "domain", "expires", "files", "pending", "stamp")

    def __init__(self, domain: str, files: CertificateFiles, client_ca: Path | None) -> None:
        self.domain = domain
        self.files = files
        self.load(client_ca)
        self.pending = self.stamp

    def load(self, client_ca: Path | None) -> None:
        """Read the files. Raises TlsError, and changes nothing then but the stamp."""
        self.stamp = self.look(client_ca)
        context, expires = _server_context(self.files, client_ca)
        self.context, self.expires = context, expires

    def look(self, client_ca: Path | None) -> Stamp:
        return _stamp(self.files.certificate, self.files.key, client_ca)

    def news(self, error: str | None = None) -> CertificateNews:
        return CertificateNews(domain=self.domain, file=self.files.certificate, expires=self.expires, error=error)


class TlsContexts:
    """The contexts of all TLS connections. Raises TlsError where a file cannot be used at the start."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._default = _Identity("", files.default, files.client_ca_file)
        self._domains = {
            name.lower(): _Identity(name, one, files.client_ca_file) for name, one in files.domains.items()
        }
        self.server = self._default.context
        """The context of listeners; its certificate is chosen anew in each handshake."""
        self.server.sni_callback = self._choose
        self._client_stamp = self._look_client()
        self._client, self._insecure = self._client_context(True), self._client_context(False)

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        identity = self._domains.get(name.lower(), self._default) if name else self._default
        if identity.context is not context:
            connection.context = identity.context

    # -- connecting

    def is_insecure(self, host: str) -> bool:
        """Whether a host is connected to whatever its certificate says."""
        return host in self._files.insecure_peers

    def client(self, host: str) -> ssl.SSLContext:
        """The context for a connection to a host. Its name is checked by `Connection`: RFC 5922 differs from HTTPS."""
        return self._insecure if self.is_insecure(host) else self._client

    def _client_context(self, verify: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        if verify:
            _load_authorities(context, self._files.ca_file)
        # A peer may want to know us by our certificate.
        _load_chain(context, self._files.default)
        return context

    # -- changing

    def refresh(self, *, at_once: bool = False) -> list[CertificateNews]:
        """Take certificates whose files changed; what is up stays up, new connections see them.

        Two files are rarely written in one moment, so what changed is read when it is the same at the next call;
        `at_once` does not wait. A certificate that cannot be used is told, and the one before stays.
        """
        news = []
        for identity in (self._default, *self._domains.values()):
            stamp = identity.look(self._files.client_ca_file)
            settled, identity.pending = at_once or stamp == identity.pending, stamp
            if stamp == identity.stamp or not settled:
                continue
            try:
                identity.load(self._files.client_ca_file)
            except TlsError as error:
                news.append(identity.news(str(error)))
            else:
                news.append(identity.news())
        self._refresh_client(news)
        return news

    def _refresh_client(self, news: list[CertificateNews]) -> None:
        stamp = self._look_client()
        changed = any(one.error is None for one in news)
        if stamp == self._client_stamp and not changed:
            return
        self._client_stamp = stamp
        try:
            self._client, self._insecure = self._client_context(True), self._client_context(False)
        except TlsError as error:
            if not any(one.error for one in news):
                news.append(self._default.news(str(error)))

    def _look_client(self) -> Stamp:
        return _stamp(self._files.ca_file)

    def expiries(self) -> list[CertificateNews]:
        """Every certificate in use."""
        return [identity.news() for identity in (self._default, *self._domains.values())]


def _stamp(*paths: Path | None) -> Stamp:
    marks: list[tuple[int, int, int] | None] = []
    for path in paths:
        if path is None:
            continue
        try:
            found = path.stat()
        except OSError:
            marks.append(None)
        else:
            marks.append((found.st_mtime_ns, found.st_size, found.st_ino))
    return tuple(marks)


def _server_context(files: CertificateFiles, client_ca: Path | None) -> tuple[ssl.SSLContext, datetime]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A peer could ask for handshakes without end.
    context.options |= ssl.OP_NO_RENEGOTIATION
    _load_chain(context, files)
    try:
        expires = expiry(files.certificate.read_text(encoding="ascii", errors="replace"))
    except (OSError, ValueError) as error:
        raise TlsError(f"{files.certificate}: cannot be read as a certificate: {error}") from error
    if client_ca is not None:
        _load_authorities(context, client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context, expires


def _load_chain(context: ssl.SSLContext, files: CertificateFiles) -> None:
    for path in (files.certificate, files.key):
        if path is not None:
            _check_readable(path)
    try:
        # Without a password given, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
    except ssl.SSLError as error:
        key = files.key or files.certificate
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"{key}: the key does not belong to the certificate in {files.certificate}"
        else:
            reason = error.reason or "no PEM data that fits"
            text = f"{files.certificate} with key {key}: cannot be used: {reason} (PEM, key without password)"
        raise TlsError(text) from error


def _load_authorities(context: ssl.SSLContext, path: Path | None) -> None:
    if path is None:
        context.load_default_certs()
        return
    _check_readable(path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise TlsError(f"{path}: holds no certificates of authorities in PEM") from error


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise TlsError(f"{path}: cannot be read: {error.strerror}") from error

"""Listening: the SIP sockets that the settings ask for, and the certificates of those that speak TLS."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

from pbx.settings import Settings, TlsSettings
from sip.connection import StreamLimits
from sip.flow import Address
from sip.tls import CertificateFiles, TlsContexts, TlsFiles
from sip.transport import Transports
from sip.transport_user import TransportUser


def tls_contexts(settings: TlsSettings) -> TlsContexts | None:
    """The certificates in use; None where there is none. Raises TlsError, which names file and reason."""
    if settings.certificate is None:
        return None
    return TlsContexts(
        TlsFiles(
            default=CertificateFiles(certificate=settings.certificate, key=settings.key),
            domains={domain: _files(paths) for domain, paths in settings.domains.items()},
            ca_file=settings.ca_file,
            client_ca_file=settings.client_ca_file,
            insecure_peers=frozenset(settings.insecure_peers),
        )
    )


def _files(paths: tuple[str, ...]) -> CertificateFiles:
    return CertificateFiles(certificate=Path(paths[0]), key=Path(paths[1]) if len(paths) > 1 else None)


def open_transports(
    settings: Settings, user: TransportUser, loop: asyncio.AbstractEventLoop, tls: TlsContexts | None
) -> Transports:
    """Transports that listen on every address. Raises OSError that names the address that is taken."""
    sip = settings.sip
    limits = StreamLimits(connections=_room(sip.max_connections), per_source=sip.connections_per_source)
    transports = Transports(user, loop, tls=tls, limits=limits)
    tcp_port = sip.udp_port if sip.tcp_port is None else sip.tcp_port
    for host in sip.listen:
        transports.listen_udp((host, sip.udp_port))
        if tcp_port:
            transports.listen_tcp((host, tcp_port))
        if tls is not None and sip.tls_port:
            transports.listen_tls((host, sip.tls_port))
    return transports


def _room(connections: int) -> int:
    """As many connections as are wanted, and no more than half of the files that may be open: calls need the rest."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if hard == resource.RLIM_INFINITY else min(connections, hard // 2)


def addresses(transports: Transports) -> dict[str, list[Address]]:
    """Where the transports listen, by transport."""
    found = {"UDP": [one.address for one in transports.listeners]}
    for listener in transports.stream_listeners:
        found.setdefault(listener.transport, []).append(listener.address)
    return found

"""Flow: the pair of addresses over which a message came or goes, and Target, a next hop not yet resolved."""

from __future__ import annotations

from dataclasses import dataclass

Address = tuple[str, int]
"""An IP address as text and a port."""

RELIABLE_TRANSPORTS = frozenset({"TCP", "TLS", "WS", "WSS", "SCTP"})


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a message came from or goes to (RFC 5626 §2: a bidirectional stream of datagrams or a connection).

    `listener` names the local socket, `connection` numbers a stream's connection (None for UDP),
    `verified_names` are the names that the peer's TLS certificate proved.
    """

    listener: str
    transport: str
    local: Address
    remote: Address
    connection: int | None = None
    verified_names: tuple[str, ...] = ()

    @property
    def reliable(self) -> bool:
        return self.transport in RELIABLE_TRANSPORTS

    @property
    def source(self) -> str:
        """The peer as `host:port`, IPv6 in brackets; the form that logs and records use."""
        return print_address(self.remote)


@dataclass(frozen=True, slots=True)
class Target:
    """A next hop by name or address; it becomes a `Flow` by the resolution event (RFC 3263)."""

    host: str
    port: int | None = None
    transport: str = "UDP"


@dataclass(frozen=True, slots=True)
class Reuse:
    """A connection as long as it is up (RFC 5923 §5), and the next hop to connect to when it has gone."""

    flow: Flow
    otherwise: Target


def bracket(host: str) -> str:
    """A host as it stands in a URI or a Via: IPv6 addresses in brackets (RFC 3261 §25.1 IPv6reference)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def print_address(address: Address) -> str:
    return f"{bracket(address[0])}:{address[1]}"

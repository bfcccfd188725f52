"""The configuration that calls run on: frozen, plain, compiled from documents by `pbx.schema`.

`control` holds it in memory; a call keeps the one it began with. Passwords are not in it, only HA1
hashes (RFC 7616 §3.4.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from pbx.destination import Destination as Dest

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSnapshot:
    """An account that registers. `ha1` is (digest user name, algorithm) -> hexadecimal HA1.

    The user names are the device's own name, `<tenant key>-<name>` and `auth_user`; the realm is the
    tenant's domain. Empty `allowed_nets` allows any source.
    """

    username: str
    extension: str
    ha1: Mapping[tuple[str, str], str] = field(repr=False)
    digest_algorithms: tuple[str, ...]
    max_contacts: int
    allowed_nets: tuple[Network, ...]
    codecs: tuple[str, ...]
    transports: tuple[str, ...]
    nat: str
    dtmf: str
    enabled: bool

    def allows(self, host: str) -> bool:
        """Whether the device may come from IP address `host`; False for what is no address."""
        return not self.allowed_nets or _within(host, self.allowed_nets)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSnapshot:
    """A dialable number; `ring_timeout_s` is already the tenant's where it has none of its own."""

    number: str
    name: str
    enabled: bool
    ring_timeout_s: float
    max_calls: int | None
    devices: tuple[str, ...]
    record: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DidSnapshot:
    """An access number and where its calls go; `trunk` None = by any trunk."""

    number: str
    trunk: str | None
    destination: Dest
    record: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSnapshot:
    """A tenant: extensions by number, devices by SIP user name, what its numbers lead to.

    `numbers` are the other numbers of its internal directory, `dids` its access numbers by (trunk name or
    "" for any, number).
    """

    key: str
    domain: str
    own_address: bool
    status: str
    digest_algorithms: tuple[str, ...]
    internal_calls: bool
    external_ring_s: float
    prompt_language: str
    country: str
    hold_source: str
    max_calls: int | None
    max_cps: float | None
    max_duration_s: float | None
    extensions: Mapping[str, ExtensionSnapshot]
    devices: Mapping[str, DeviceSnapshot]
    devices_by_user: Mapping[str, DeviceSnapshot] = field(repr=False)
    numbers: Mapping[str, Dest]
    dids: Mapping[tuple[str, str], DidSnapshot]
    record: str = "on_demand"
    record_force: bool = False
    record_scope: str = "answered"

    @property
    def active(self) -> bool:
        """Calls are taken; a suspended tenant may still register."""
        return self.status == "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRule:
    """Where a trunk's calls come from: a network, and the port (None: any)."""

    network: Network
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkSnapshot:
    """A peer trunk. `tenant` owns its inbound calls; `peers` are tried in order; limits None = none.

    `transport` is UDP, TCP or TLS, for the calls that go out.
    """

    name: str
    tenant: str | None
    transport: str = "UDP"
    peers: tuple[tuple[str, int], ...]
    sources: tuple[SourceRule, ...]
    codecs: tuple[str, ...]
    dtmf: str
    max_total: int | None
    max_in: int | None
    max_out: int | None
    max_cps: float | None
    max_duration_s: float | None
    setup_timeout_s: float
    progress_timeout_s: float
    enabled: bool
    record: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSnapshot:
    """A key to the API: `sha256` is the hash of its secret, `tenant` None reaches all, times are UTC.

    `allowed_nets` empty: it may be used from everywhere.
    """

    id: str
    tenant: str | None
    read_only: bool
    sha256: str = field(repr=False)
    expires_at_ms: int | None
    allowed_nets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The whole configuration. `version` is the number of the version that it is; tokens are by id."""

    version: str
    tenants: Mapping[str, TenantSnapshot]
    trunks: Mapping[str, TrunkSnapshot]
    tokens: Mapping[str, TokenSnapshot] = field(default_factory=dict)

    @cached_property
    def by_domain(self) -> Mapping[str, TenantSnapshot]:
        """Tenants by SIP domain, in lower case."""
        return {tenant.domain: tenant for tenant in self.tenants.values()}

    @cached_property
    def own_address(self) -> TenantSnapshot | None:
        """The tenant that requests to the server's own address belong to."""
        return next((tenant for tenant in self.tenants.values() if tenant.own_address), None)

    def trunk_from(self, host: str, port: int) -> TrunkSnapshot | None:
        """The enabled trunk that a packet from this IP address and port belongs to.

        A source that names the port wins over one that does not, a longer network over a shorter one
        (two trunks of one source are refused by the schema).
        """
        exact = self._sources.get((host, port))
        if exact is not None:
            return exact
        if not self._wide_sources:
            return self._sources.get((host, None))
        return self._search_sources(host, port)

    @cached_property
    def _sources(self) -> dict[tuple[str, int | None], TrunkSnapshot]:
        """Trunks by single address, with the port or without."""
        return {
            (str(rule.network.network_address), rule.port): trunk
            for rule, trunk in reversed(self._rules)
            if rule.network.num_addresses == 1
        }

    @cached_property
    def _wide_sources(self) -> bool:
        return any(rule.network.num_addresses > 1 for rule, _ in self._rules)

    @cached_property
    def _rules(self) -> tuple[tuple[SourceRule, TrunkSnapshot], ...]:
        enabled = (trunk for trunk in self.trunks.values() if trunk.enabled)
        return tuple((rule, trunk) for trunk in enabled for rule in trunk.sources)

    def _search_sources(self, host: str, port: int) -> TrunkSnapshot | None:
        best: tuple[bool, int] = (False, -1)
        found: TrunkSnapshot | None = None
        for rule, trunk in self._rules:
            if rule.port not in (None, port) or not _within(host, (rule.network,)):
                continue
            rank = (rule.port is not None, rule.network.prefixlen)
            if rank > best:
                best, found = rank, trunk
        return found


EMPTY: Final = Snapshot(version="", tenants={}, trunks={})


def _within(host: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)

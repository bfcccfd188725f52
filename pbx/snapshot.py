"""The configuration that calls run on: frozen, plain, compiled from documents by `pbx.schema`.

`control` holds it in memory; a call keeps the one it began with. Passwords are not in it, only HA1
hashes (RFC 7616 §3.4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from operator import attrgetter
from typing import Any, Final, Self

import msgpack  # type: ignore[import-untyped]

from pbx.destination import Destination as Dest
from pbx.destination import destination_from_wire, destination_to_wire

Network = IPv4Network | IPv6Network


class SnapshotError(ValueError):
    """Bytes are not a packed snapshot of this version."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DidSnapshot:
    """An access number and where its calls go; `trunk` None = by any trunk."""

    number: str
    trunk: str | None
    destination: Dest


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
    max_total: int | None
    max_in: int | None
    max_out: int | None
    max_cps: float | None
    max_duration_s: float | None
    setup_timeout_s: float
    progress_timeout_s: float
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The whole configuration. `version` is a hash of its content."""

    version: str
    tenants: Mapping[str, TenantSnapshot]
    trunks: Mapping[str, TrunkSnapshot]

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

    def pack(self) -> bytes:
        """The snapshot as bytes for the way from `records` to `control`."""
        body = _pack_body(self)
        packed: bytes = msgpack.packb([_FORMAT, self.version, *body])
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """The snapshot that `pack` wrote. Raises SnapshotError for anything else."""
        try:
            number, version, tenants, trunks = msgpack.unpackb(data, use_list=False)
            if number != _FORMAT:
                raise SnapshotError(f"snapshot format {number} is not {_FORMAT}: restart the server")
            return cls(
                version=version,
                tenants={row[0]: _tenant_from_wire(row) for row in tenants},
                trunks={row[0]: _trunk_from_wire(row) for row in trunks},
            )
        except SnapshotError:
            raise
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise SnapshotError(f"snapshot of {len(data)} bytes cannot be read: {error!r}") from error

    def with_version(self) -> Self:
        """The same snapshot, its version computed from the content."""
        body = msgpack.packb(_pack_body(self))
        return replace(self, version=sha256(body).hexdigest()[:16])


EMPTY: Final = Snapshot(version="", tenants={}, trunks={})

_FORMAT: Final = 1


def _within(host: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _names(record: type[Any], *without: str) -> tuple[str, ...]:
    return tuple(one.name for one in fields(record) if one.name not in without)


_DEVICE_FIELDS: Final = _names(DeviceSnapshot, "ha1", "allowed_nets")
_EXTENSION_FIELDS: Final = _names(ExtensionSnapshot)
_TENANT_FIELDS: Final = _names(TenantSnapshot, "extensions", "devices", "devices_by_user", "numbers", "dids")
_TRUNK_FIELDS: Final = _names(TrunkSnapshot, "sources")
_device_row: Final[Callable[[DeviceSnapshot], tuple[Any, ...]]] = attrgetter(*_DEVICE_FIELDS)
_extension_row: Final[Callable[[ExtensionSnapshot], tuple[Any, ...]]] = attrgetter(*_EXTENSION_FIELDS)
_tenant_row: Final[Callable[[TenantSnapshot], tuple[Any, ...]]] = attrgetter(*_TENANT_FIELDS)
_trunk_row: Final[Callable[[TrunkSnapshot], tuple[Any, ...]]] = attrgetter(*_TRUNK_FIELDS)


def _pack_body(snapshot: Snapshot) -> list[Any]:
    trunks = [
        [*_trunk_row(trunk), [[str(rule.network), rule.port] for rule in trunk.sources]]
        for trunk in snapshot.trunks.values()
    ]
    return [[_tenant_to_wire(tenant) for tenant in snapshot.tenants.values()], trunks]


def _tenant_to_wire(tenant: TenantSnapshot) -> list[Any]:
    return [
        *_tenant_row(tenant),
        [_extension_row(one) for one in tenant.extensions.values()],
        [_device_to_wire(one) for one in tenant.devices.values()],
        [[number, destination_to_wire(dest)] for number, dest in tenant.numbers.items()],
        [[did.number, did.trunk, destination_to_wire(did.destination)] for did in tenant.dids.values()],
    ]


def _device_to_wire(device: DeviceSnapshot) -> list[Any]:
    secrets = [[user, algorithm, value] for (user, algorithm), value in device.ha1.items()]
    return [*_device_row(device), secrets, [str(net) for net in device.allowed_nets]]


def _tenant_from_wire(row: tuple[Any, ...]) -> TenantSnapshot:
    *values, extensions, devices, numbers, dids = row
    read = [_device_from_wire(one) for one in devices]
    return TenantSnapshot(
        **dict(zip(_TENANT_FIELDS, values, strict=True)),
        extensions={one[0]: ExtensionSnapshot(**dict(zip(_EXTENSION_FIELDS, one, strict=True))) for one in extensions},
        devices={device.username: device for device in read},
        devices_by_user=users_of(read),
        numbers={number: destination_from_wire(dest) for number, dest in numbers},
        dids=dids_of(
            DidSnapshot(number=number, trunk=trunk, destination=destination_from_wire(dest))
            for number, trunk, dest in dids
        ),
    )


def users_of(devices: Iterable[DeviceSnapshot]) -> dict[str, DeviceSnapshot]:
    """Devices by every digest user name that they answer to."""
    return {user: device for device in devices for user, _ in device.ha1}


def dids_of(dids: Iterable[DidSnapshot]) -> dict[tuple[str, str], DidSnapshot]:
    """Access numbers by (trunk name or "" for any, number)."""
    return {(did.trunk or "", did.number): did for did in dids}


def _device_from_wire(row: tuple[Any, ...]) -> DeviceSnapshot:
    *values, secrets, nets = row
    return DeviceSnapshot(
        **dict(zip(_DEVICE_FIELDS, values, strict=True)),
        ha1={(user, algorithm): value for user, algorithm, value in secrets},
        allowed_nets=tuple(ip_network(net) for net in nets),
    )


def _trunk_from_wire(row: tuple[Any, ...]) -> TrunkSnapshot:
    *values, sources = row
    rules = tuple(SourceRule(network=ip_network(net), port=port) for net, port in sources)
    return TrunkSnapshot(**dict(zip(_TRUNK_FIELDS, values, strict=True)), sources=rules)

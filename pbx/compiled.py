"""Compiled objects: rows of plain data on their way from `records` to `control`, which builds its snapshot of them.

A row is `[kind, tenant, key, ...]`; one of just these three says that the object is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from ipaddress import ip_network
from operator import attrgetter
from typing import Any, Final

from pbx.config_object import ObjectKey
from pbx.destination import Destination, destination_from_wire, destination_to_wire
from pbx.snapshot import (
    DeviceSnapshot,
    DidSnapshot,
    ExtensionSnapshot,
    Network,
    SourceRule,
    TokenSnapshot,
    TrunkSnapshot,
)

Row = Sequence[Any]


def _names(record: type[Any], *without: str) -> tuple[str, ...]:
    return tuple(one.name for one in fields(record) if one.name not in without)


_DEVICE: Final = _names(DeviceSnapshot, "ha1", "allowed_nets")
_EXTENSION: Final = _names(ExtensionSnapshot)
_TRUNK: Final = _names(TrunkSnapshot, "sources")
_TOKEN: Final = _names(TokenSnapshot)
_device: Final[Callable[[DeviceSnapshot], tuple[Any, ...]]] = attrgetter(*_DEVICE)
_extension: Final[Callable[[ExtensionSnapshot], tuple[Any, ...]]] = attrgetter(*_EXTENSION)
_trunk: Final[Callable[[TrunkSnapshot], tuple[Any, ...]]] = attrgetter(*_TRUNK)
_token: Final[Callable[[TokenSnapshot], tuple[Any, ...]]] = attrgetter(*_TOKEN)


def gone_row(key: ObjectKey) -> Row:
    """The object is not there any more."""
    return list(key)


def tenant_row(key: str, **settings: Any) -> Row:
    """A tenant's own settings, by the names of `TenantSnapshot`."""
    return ["tenant", "", key, settings]


def extension_row(tenant: str, extension: ExtensionSnapshot, devices: Sequence[DeviceSnapshot]) -> Row:
    """An extension with its devices."""
    return ["extension", tenant, extension.number, _extension(extension), [_device_wire(one) for one in devices]]


def number_row(tenant: str, number: str, destination: Destination) -> Row:
    """A number of the internal directory."""
    return ["number", tenant, number, destination_to_wire(destination)]


def did_row(key: str, tenant: str, did: DidSnapshot) -> Row:
    """An access number of a tenant."""
    return ["did", "", key, tenant, did.number, did.trunk, did.record, destination_to_wire(did.destination)]


def trunk_row(trunk: TrunkSnapshot) -> Row:
    """A trunk."""
    sources = [[str(rule.network), rule.port] for rule in trunk.sources]
    return ["trunk", "", trunk.name, _trunk(trunk), sources]


def token_row(token: TokenSnapshot) -> Row:
    """A token of the API."""
    return ["token", "", token.id, _token(token)]


def _device_wire(device: DeviceSnapshot) -> list[Any]:
    secrets = [[user, algorithm, value] for (user, algorithm), value in device.ha1.items()]
    return [*_device(device), secrets, [str(net) for net in device.allowed_nets]]


def read_extension(row: Row) -> tuple[ExtensionSnapshot, list[DeviceSnapshot]]:
    """What `extension_row` wrote."""
    values, devices = row[3:]
    return _extension_of(values), [_read_device(one) for one in devices]


def _extension_of(values: Sequence[Any]) -> ExtensionSnapshot:
    found: Mapping[str, Any] = dict(zip(_EXTENSION, values, strict=True))
    return ExtensionSnapshot(**{**found, "devices": tuple(found["devices"])})


def _read_device(wire: Sequence[Any]) -> DeviceSnapshot:
    *values, secrets, nets = wire
    found = dict(zip(_DEVICE, values, strict=True))
    for name in ("digest_algorithms", "codecs", "transports"):
        found[name] = _shared(tuple(found[name]))
    return DeviceSnapshot(
        **found,
        ha1={(user, algorithm): value for user, algorithm, value in secrets},
        allowed_nets=tuple(_network(net) for net in nets),
    )


@lru_cache(maxsize=1024)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """Equal lists of names are one in memory: ten thousand devices have the same few."""
    return names


@lru_cache(maxsize=1024)
def _network(text: str) -> Network:
    return ip_network(text)


def read_destination(wire: Sequence[Any]) -> Destination:
    """A destination of any row."""
    return destination_from_wire(wire)


def read_did(row: Row) -> tuple[str, DidSnapshot]:
    """Tenant and access number as `did_row` wrote them."""
    tenant, number, trunk, record, destination = row[3:]
    did = DidSnapshot(number=number, trunk=trunk, destination=destination_from_wire(destination), record=record)
    return tenant, did


def read_trunk(row: Row) -> TrunkSnapshot:
    """What `trunk_row` wrote."""
    values, sources = row[3:]
    found = dict(zip(_TRUNK, values, strict=True))
    found["peers"] = tuple((host, port) for host, port in found["peers"])
    found["codecs"] = tuple(found["codecs"])
    rules = tuple(SourceRule(network=ip_network(net), port=port) for net, port in sources)
    return TrunkSnapshot(**found, sources=rules)


def read_token(row: Row) -> TokenSnapshot:
    """What `token_row` wrote."""
    found = dict(zip(_TOKEN, row[3], strict=True))
    return TokenSnapshot(**{**found, "allowed_nets": tuple(found["allowed_nets"])})

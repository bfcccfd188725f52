"""Objects compiled into the rows that `control` builds its snapshot from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any, Final

from media.codec import DEFAULT_CODECS
from pbx.compiled import Row, did_row, extension_row, number_row, tenant_row, token_row, trunk_row
from pbx.config_object import ObjectKey, Objects
from pbx.draft import Draft
from pbx.schema.kind import tenant_key
from pbx.schema.seal import algorithms_of, user_forms
from pbx.schema.tenant import Device, DirectoryNumber, Extension, TenantSettings
from pbx.schema.token import Token
from pbx.schema.trunk import Did, Trunk
from pbx.schema.values import split_source
from pbx.snapshot import (
    EMPTY,
    DeviceSnapshot,
    DidSnapshot,
    ExtensionSnapshot,
    Snapshot,
    SourceRule,
    TokenSnapshot,
    TrunkSnapshot,
)

DTMF: Final = "telephone-event"
LOOPBACK_NETS: Final = ("127.0.0.0/8", "::1/128")


def compile_objects(objects: Objects, version: str = "") -> Snapshot:
    """The snapshot of a checked configuration."""
    draft = Draft(EMPTY)
    for key in objects:
        draft.take(compile_object(objects, key))
    return draft.finish(version).snapshot


def compile_object(objects: Mapping[ObjectKey, Any], key: ObjectKey) -> Row:
    """What `control` has to know of a checked, sealed object."""
    return _COMPILERS[key.kind](objects, key, objects[key])


def inherited(tenant: Any) -> tuple[Any, ...]:
    """The settings of a tenant that its compiled extensions hold as well."""
    assert isinstance(tenant, TenantSettings)
    return tenant.ext_ring, tenant.digest_algorithms


def _tenant(objects: Mapping[ObjectKey, Any], key: ObjectKey, tenant: TenantSettings) -> Row:
    return tenant_row(
        tenant.key,
        domain=tenant.domain,
        own_address=tenant.own_address,
        status=tenant.status,
        digest_algorithms=tenant.digest_algorithms,
        internal_calls=tenant.internal_calls,
        external_ring_s=float(tenant.external_ring),
        prompt_language=tenant.prompt_language,
        country=tenant.country,
        hold_source=tenant.hold_source,
        max_calls=tenant.max_calls,
        max_cps=tenant.max_cps,
        max_duration_s=_seconds(tenant.max_duration),
        record=tenant.record,
        record_force=tenant.record_force,
        record_scope=tenant.record_scope,
    )


def _extension(objects: Mapping[ObjectKey, Any], key: ObjectKey, extension: Extension) -> Row:
    tenant: TenantSettings = objects[tenant_key(key.tenant)]
    compiled = ExtensionSnapshot(
        number=extension.number,
        name=extension.name or extension.number,
        enabled=extension.status == "enabled",
        ring_timeout_s=float(extension.ring_timeout or tenant.ext_ring),
        max_calls=extension.max_calls,
        devices=tuple(device.username or extension.number for device in extension.devices),
        record=extension.record,
    )
    return extension_row(key.tenant, compiled, [_device(tenant, extension, device) for device in extension.devices])


def _device(tenant: TenantSettings, extension: Extension, device: Device) -> DeviceSnapshot:
    algorithms = algorithms_of(tenant, device)
    hashes = {} if device.ha1 is None else device.ha1.users
    return DeviceSnapshot(
        username=device.username or extension.number,
        extension=extension.number,
        ha1={
            (user, algorithm): value
            for user in user_forms(tenant.key, extension, device)
            for algorithm, value in hashes.get(user, {}).items()
            if algorithm in algorithms
        },
        digest_algorithms=algorithms,
        max_contacts=device.max_contacts,
        allowed_nets=tuple(ip_network(net) for net in _allowed_nets(device)),
        codecs=_codecs(device.codecs),
        transports=device.transports,
        nat=device.nat,
        dtmf=device.dtmf,
        enabled=device.status == "enabled",
    )


def _allowed_nets(device: Device) -> tuple[str, ...]:
    """A password that everybody knows opens nothing beyond this machine, unless the document says so."""
    return device.allowed_nets or (LOOPBACK_NETS if device.public_password else ())


def _number(objects: Mapping[ObjectKey, Any], key: ObjectKey, entry: DirectoryNumber) -> Row:
    return number_row(key.tenant, entry.number, entry.dest.compile())


def _trunk(objects: Mapping[ObjectKey, Any], key: ObjectKey, trunk: Trunk) -> Row:
    split = [split_source(source) for source in trunk.source_ips]
    return trunk_row(
        TrunkSnapshot(
            name=trunk.name,
            tenant=trunk.tenant,
            transport=trunk.transport.upper(),
            peers=tuple((peer.host, peer.port or (5061 if trunk.transport == "tls" else 5060)) for peer in trunk.peers),
            sources=tuple(SourceRule(network=ip_network(network), port=port) for network, port in split),
            codecs=_codecs(trunk.codecs),
            dtmf=trunk.dtmf,
            max_total=trunk.max_total,
            max_in=trunk.max_in,
            max_out=trunk.max_out,
            max_cps=trunk.max_cps,
            max_duration_s=_seconds(trunk.max_duration),
            setup_timeout_s=float(trunk.setup_timeout),
            progress_timeout_s=float(trunk.progress_timeout),
            enabled=trunk.status == "enabled",
            record=trunk.record,
        )
    )


def _did(objects: Mapping[ObjectKey, Any], key: ObjectKey, did: Did) -> Row:
    compiled = DidSnapshot(number=did.number, trunk=did.trunk, destination=did.dest.compile(), record=did.record)
    return did_row(key.key, did.tenant, compiled)


def _token(objects: Mapping[ObjectKey, Any], key: ObjectKey, token: Token) -> Row:
    return token_row(
        TokenSnapshot(
            id=token.id,
            tenant=token.tenant,
            read_only=token.read_only,
            sha256=token.sha256,
            expires_at_ms=token.expires_at_ms,
            allowed_nets=token.allowed_nets,
        )
    )


_COMPILERS: Final[dict[str, Callable[[Mapping[ObjectKey, Any], ObjectKey, Any], Row]]] = {
    "tenant": _tenant,
    "extension": _extension,
    "number": _number,
    "trunk": _trunk,
    "did": _did,
    "token": _token,
}


def _codecs(names: tuple[str, ...] | None) -> tuple[str, ...]:
    """Codecs in force: the default ones, or those named, with key presses (RFC 4733) in any case."""
    if names is None:
        return tuple(DEFAULT_CODECS)
    return names if DTMF in names else (*names, DTMF)


def _seconds(value: int | None) -> float | None:
    return None if value is None else float(value)

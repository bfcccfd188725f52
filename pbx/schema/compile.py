"""Documents compiled into the snapshot that calls run on; passwords end here, as HA1 hashes."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from media.codec import DEFAULT_CODECS
from pbx.config_error import ConfigError
from pbx.schema.document import Document
from pbx.schema.loading import load_documents
from pbx.schema.references import user_forms
from pbx.schema.tenant import Device, Extension, Tenant
from pbx.schema.trunk import Trunk
from pbx.schema.values import split_source
from pbx.snapshot import (
    DeviceSnapshot,
    DidSnapshot,
    ExtensionSnapshot,
    Snapshot,
    SourceRule,
    TenantSnapshot,
    TrunkSnapshot,
    dids_of,
    users_of,
)
from sip.digest import ha1

DTMF: Final = "telephone-event"
LOOPBACK_NETS: Final = ("127.0.0.0/8", "::1/128")


def compile_files(paths: Sequence[Path]) -> tuple[Snapshot | None, list[ConfigError]]:
    """The snapshot of the documents in `paths`, or None and everything that is wrong with them."""
    document, errors = load_documents(paths)
    return (None, errors) if document is None else (compile_document(document), [])


def compile_document(document: Document) -> Snapshot:
    """The snapshot of a checked document."""
    return Snapshot(
        version="",
        tenants={tenant.key: _tenant(document, tenant) for tenant in document.tenants},
        trunks={trunk.name: _trunk(trunk) for trunk in document.trunks},
    ).with_version()


def _tenant(document: Document, tenant: Tenant) -> TenantSnapshot:
    devices = [_device(tenant, extension, device) for extension in tenant.extensions for device in extension.devices]
    return TenantSnapshot(
        key=tenant.key,
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
        extensions={extension.number: _extension(tenant, extension) for extension in tenant.extensions},
        devices={device.username: device for device in devices},
        devices_by_user=users_of(devices),
        numbers={entry.number: entry.dest.compile() for entry in tenant.numbers},
        dids=dids_of(
            DidSnapshot(number=did.number, trunk=did.trunk, destination=did.dest.compile())
            for did in document.dids
            if did.tenant == tenant.key
        ),
    )


def _extension(tenant: Tenant, extension: Extension) -> ExtensionSnapshot:
    return ExtensionSnapshot(
        number=extension.number,
        name=extension.name or extension.number,
        enabled=extension.status == "enabled",
        ring_timeout_s=float(extension.ring_timeout or tenant.ext_ring),
        max_calls=extension.max_calls,
        devices=tuple(device.username or extension.number for device in extension.devices),
    )


def _device(tenant: Tenant, extension: Extension, device: Device) -> DeviceSnapshot:
    algorithms = device.digest_algorithms or tenant.digest_algorithms
    return DeviceSnapshot(
        username=device.username or extension.number,
        extension=extension.number,
        ha1={
            (user, algorithm): ha1(user, tenant.domain, device.password, algorithm)
            for user in user_forms(tenant, extension, device)
            for algorithm in algorithms
        },
        digest_algorithms=algorithms,
        max_contacts=device.max_contacts,
        allowed_nets=tuple(ip_network(net) for net in _allowed_nets(device)),
        codecs=_codecs(device.codecs),
        transports=device.transports,
        nat=device.nat,
        enabled=device.status == "enabled",
    )


def _allowed_nets(device: Device) -> tuple[str, ...]:
    """A password that everybody knows opens nothing beyond this machine, unless the document says so."""
    return device.allowed_nets or (LOOPBACK_NETS if device.public_password else ())


def _trunk(trunk: Trunk) -> TrunkSnapshot:
    split = [split_source(source) for source in trunk.source_ips]
    return TrunkSnapshot(
        name=trunk.name,
        tenant=trunk.tenant,
        transport=trunk.transport.upper(),
        peers=tuple((peer.host, peer.port or (5061 if trunk.transport == "tls" else 5060)) for peer in trunk.peers),
        sources=tuple(SourceRule(network=ip_network(network), port=port) for network, port in split),
        codecs=_codecs(trunk.codecs),
        max_total=trunk.max_total,
        max_in=trunk.max_in,
        max_out=trunk.max_out,
        max_cps=trunk.max_cps,
        max_duration_s=_seconds(trunk.max_duration),
        setup_timeout_s=float(trunk.setup_timeout),
        progress_timeout_s=float(trunk.progress_timeout),
        enabled=trunk.status == "enabled",
    )


def _codecs(names: tuple[str, ...] | None) -> tuple[str, ...]:
    """Codecs in force: the default ones, or those named, with key presses (RFC 4733) in any case."""
    if names is None:
        return tuple(DEFAULT_CODECS)
    return names if DTMF in names else (*names, DTMF)


def _seconds(value: int | None) -> float | None:
    return None if value is None else float(value)

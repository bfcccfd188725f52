"""Targets: what there is to ring for an extension or a trunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.codec_policy import policy
from pbx.dial import DialTarget
from pbx.location import Binding
from sip.dialog import target_of
from sip.flow import Flow, Target
from sip.uri import SipUri

if TYPE_CHECKING:
    from pbx.location import Location
    from pbx.snapshot import DeviceSnapshot, ExtensionSnapshot, TrunkSnapshot
    from pbx.tenant import TenantView


def extension_targets(
    location: Location, tenant: TenantView, extension: ExtensionSnapshot, now: float
) -> list[DialTarget]:
    """Every contact of every device of an extension; empty where none is registered."""
    targets: list[DialTarget] = []
    for name in extension.devices:
        device = tenant.device(name)
        if device is not None and device.enabled:
            targets.extend(
                _device_target(one, device, extension, tenant) for one in location.of((tenant.key, name), now)
            )
    return targets


def _device_target(
    binding: Binding, device: DeviceSnapshot, extension: ExtensionSnapshot, tenant: TenantView
) -> DialTarget:
    return DialTarget(
        hop=_hop(binding, device),
        uri=str(binding.contact),
        number=extension.number,
        host=binding.flow.local[0],
        codecs=policy(device.codecs),
        device=device.username,
        to=f"sip:{extension.number}@{tenant.domain}",
        routes=binding.path,
    )


def _hop(binding: Binding, device: DeviceSnapshot) -> Flow | Target:
    """The flow of the registration for a phone behind a NAT or an edge proxy (RFC 3327 §5.2); else its Contact."""
    uri = binding.contact
    if binding.path or not isinstance(uri, SipUri) or (binding.behind_nat and device.nat == "auto"):
        return binding.flow
    return target_of(uri)


def trunk_target(trunk: TrunkSnapshot, peer: tuple[str, int], number: str) -> DialTarget:
    """One peer of a trunk, for a number."""
    host, port = peer
    return DialTarget(
        hop=Target(host, port, "UDP"),
        uri=str(SipUri(user=number, host=host, port=port)),
        number=number,
        host=None,
        codecs=policy(trunk.codecs),
        trunk=trunk.name,
    )

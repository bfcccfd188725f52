"""Targets: what there is to ring for an extension or a trunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.codec_policy import policy
from pbx.location import Binding
from pbx.outbound import DialTarget
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
            for one in location.of((tenant.key, name), now):
                hop = _hop(one, device, location)
                if hop is not None:
                    targets.append(_device_target(one, hop, device, extension, tenant))
    return targets


def _device_target(
    binding: Binding, hop: Flow | Target, device: DeviceSnapshot, extension: ExtensionSnapshot, tenant: TenantView
) -> DialTarget:
    return DialTarget(
        hop=hop,
        uri=str(binding.contact),
        number=extension.number,
        host=binding.flow.local[0],
        codecs=policy(device.codecs),
        dtmf=device.dtmf,
        device=device.username,
        to=f"sip:{extension.number}@{tenant.domain}",
        routes=binding.path,
    )


def _hop(binding: Binding, device: DeviceSnapshot, location: Location) -> Flow | Target | None:
    """The flow of the registration for a phone behind a NAT or an edge proxy (RFC 3327 §5.2); else its Contact.

    None where that flow was a connection that is gone (RFC 5626 §5.3), until the phone registers again.
    """
    uri = binding.contact
    if binding.flow.connection is not None:
        return _hop_of_connection(binding, device, location)
    if binding.path or not isinstance(uri, SipUri) or (binding.behind_nat and device.nat == "auto"):
        return binding.flow
    return target_of(uri)


def _hop_of_connection(binding: Binding, device: DeviceSnapshot, location: Location) -> Flow | Target | None:
    """The connection while it is up; then a new one to the Contact of a phone that is not behind a NAT."""
    uri, flow = binding.contact, binding.flow
    fixed = bool(binding.path) or not isinstance(uri, SipUri)
    if location.is_open(flow) and (fixed or device.nat == "auto"):
        return flow
    if fixed or not isinstance(uri, SipUri) or (device.nat == "auto" and uri.host != flow.remote[0]):
        return None
    target = target_of(uri)
    if uri.scheme == "sip" and uri.transport is None:
        # Registered by a connection, it will hardly expect to be called otherwise.
        target = Target(target.host, target.port, flow.transport)
    return target


def trunk_target(trunk: TrunkSnapshot, peer: tuple[str, int], number: str) -> DialTarget:
    """One peer of a trunk, for a number."""
    host, port = peer
    params = () if trunk.transport == "UDP" else (("transport", trunk.transport.lower()),)
    return DialTarget(
        hop=Target(host, port, trunk.transport),
        uri=str(SipUri(user=number, host=host, port=port, params=params)),
        number=number,
        host=None,
        codecs=policy(trunk.codecs),
        dtmf=trunk.dtmf,
        trunk=trunk.name,
    )

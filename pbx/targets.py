"""Targets: what there is to ring for an extension or a trunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.codec_policy import policy
from pbx.dial import DialTarget
from pbx.location import Binding
from sip.flow import Flow, Target, bracket

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
            targets.extend(_device_target(one, device, extension) for one in location.of((tenant.key, name), now))
    return targets


def _device_target(binding: Binding, device: DeviceSnapshot, extension: ExtensionSnapshot) -> DialTarget:
    return DialTarget(
        hop=_path_hop(binding) or binding.hop(),
        uri=str(binding.contact),
        number=extension.number,
        host=binding.flow.local[0],
        codecs=policy(device.codecs),
        device=device.username,
        routes=binding.path,
    )


def _path_hop(binding: Binding) -> Flow | None:
    """With a Path the request goes back over the flow by which the edge proxy registered it (RFC 3327 §5.2)."""
    return binding.flow if binding.path else None


def trunk_target(trunk: TrunkSnapshot, peer: tuple[str, int], number: str) -> DialTarget:
    """One peer of a trunk, for a number."""
    host, port = peer
    return DialTarget(
        hop=Target(host, port, "UDP"),
        uri=f"sip:{number}@{bracket(host)}:{port}",
        number=number,
        host=None,
        codecs=policy(trunk.codecs),
        trunk=trunk.name,
    )

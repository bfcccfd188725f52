"""Banner: what the server says when it is up, and what to dial."""

from __future__ import annotations

from pbx.destination import ConferenceDestination, FeatureDestination, PromptDestination
from pbx.settings import Settings
from pbx.snapshot import Snapshot, TenantSnapshot
from sip.flow import Address, print_address

SHOWN_EXTENSIONS = 20

_FEATURES = {"echo": "echo test: speak, and hear yourself", "own_number": "says your own number"}


def banner(
    settings: Settings, snapshot: Snapshot, listeners: dict[str, list[Address]], capacity: int, http: Address | None
) -> str:
    """The text of the start: addresses, capacity, and each tenant's numbers (the first tenants only)."""
    media = settings.media
    scheme = "http" if settings.http.tls_certificate is None else "https"
    lines = [
        "Cordboard is up.",
        *(f"  SIP   {name} {', '.join(map(print_address, where))}" for name, where in listeners.items()),
        f"  RTP   UDP {media.port_min}-{media.port_max}: room for {capacity} calls",
        "  HTTP  " + ("none" if http is None else f"{scheme}://{print_address(http)}: API, health and metrics"),
        f"  data  {settings.data.directory}",
    ]
    tenants = list(snapshot.tenants.values())
    if not tenants:
        lines.append("No configuration yet: start with --apply FILE, or with --demo.")
    for tenant in tenants[:3]:
        lines += _tenant_lines(tenant)
    if len(tenants) > 3:
        lines.append(f"  ... and {len(tenants) - 3} more tenants")
    lines.append("Ctrl-C ends it.")
    return "\n".join(lines)


def _tenant_lines(tenant: TenantSnapshot) -> list[str]:
    where = f"{tenant.domain} (or this server's address)" if tenant.own_address else tenant.domain
    lines = [f"Tenant {tenant.key}: SIP domain {where}"]
    numbers = sorted(tenant.extensions)
    if numbers:
        shown = ", ".join(numbers[:SHOWN_EXTENSIONS]) + (" ..." if len(numbers) > SHOWN_EXTENSIONS else "")
        lines.append(f"  register as and dial  {shown}")
    if tenant.key == "demo":
        lines.append("  passwords             demo-<extension>, such as demo-1001")
    for number, destination in sorted(tenant.numbers.items()):
        if isinstance(destination, FeatureDestination):
            lines.append(f"  dial {number:<16} {_FEATURES.get(destination.target, destination.target)}")
        elif isinstance(destination, PromptDestination):
            lines.append(f"  dial {number:<16} plays {destination.name}")
        elif isinstance(destination, ConferenceDestination):
            lines.append(f"  dial {number:<16} conference {destination.room}: talk with all who dial it")
    return lines

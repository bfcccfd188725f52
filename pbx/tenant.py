"""TenantView: what one tenant's calls may see of the configuration, frozen at the moment they began."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.destination import Destination
    from pbx.snapshot import (
        DeviceSnapshot,
        DidSnapshot,
        ExtensionSnapshot,
        Snapshot,
        TenantSnapshot,
        TrunkSnapshot,
    )


class TenantView:
    """A tenant's share of a snapshot. Nothing of another tenant can be reached through it."""

    __slots__ = ("_snapshot", "_tenant")

    def __init__(self, snapshot: Snapshot, tenant: TenantSnapshot) -> None:
        self._snapshot = snapshot
        self._tenant = tenant

    @property
    def key(self) -> str:
        return self._tenant.key

    @property
    def domain(self) -> str:
        return self._tenant.domain

    @property
    def version(self) -> str:
        return self._snapshot.version

    @property
    def facts(self) -> TenantSnapshot:
        """The tenant's own settings."""
        return self._tenant

    @property
    def closed(self) -> bool:
        """A closed tenant's domain is treated as one that does not exist."""
        return self._tenant.status == "closed"

    @property
    def active(self) -> bool:
        """A suspended tenant's phones may register, not call."""
        return self._tenant.active

    @property
    def prompt_language(self) -> str:
        return self._tenant.prompt_language

    @property
    def country(self) -> str:
        """ISO 3166 code in lower case; it chooses the tones."""
        return self._tenant.country.lower()

    @property
    def hold_source(self) -> str:
        """What a held party hears: `music`, `silence`, or `device`, whatever the holder's phone sends."""
        return self._tenant.hold_source

    @property
    def digest_algorithms(self) -> tuple[str, ...]:
        return self._tenant.digest_algorithms

    def device_of(self, user: str) -> DeviceSnapshot | None:
        """The device of a SIP user name, `<tenant key>-<user>` included (the form for shared host names)."""
        return self._tenant.devices_by_user.get(user)

    def device(self, name: str) -> DeviceSnapshot | None:
        return self._tenant.devices.get(name)

    def extension(self, number: str) -> ExtensionSnapshot | None:
        return self._tenant.extensions.get(number)

    @property
    def internal_calls(self) -> bool:
        return self._tenant.internal_calls

    @property
    def external_ring_s(self) -> float:
        return self._tenant.external_ring_s

    def has_extension(self, number: str) -> bool:
        return number in self._tenant.extensions

    def did_destination(self, number: str, trunk: str) -> Destination | None:
        did = self.did(number, trunk)
        return None if did is None else did.destination

    def directory(self, number: str) -> Destination | None:
        """What a number of the internal directory leads to."""
        return self._tenant.numbers.get(number)

    def did(self, number: str, trunk: str) -> DidSnapshot | None:
        """The inbound number of a trunk of this tenant."""
        dids = self._tenant.dids
        return dids.get((trunk, number)) or dids.get(("", number))

    def trunk(self, name: str) -> TrunkSnapshot | None:
        """A trunk that this tenant may use: its own, or a shared one."""
        trunk = self._snapshot.trunks.get(name)
        return trunk if trunk is not None and trunk.tenant in (None, self.key) else None

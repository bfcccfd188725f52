"""Draft: the next snapshot in the making; it takes compiled objects one by one and costs what they cost.

Only tenants that change are copied, and of them only the tables by name: a phone more in a tenant of ten thousand
takes under a millisecond. The snapshot that it began with stays as it is, for the calls that hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from pbx.compiled import Row, read_destination, read_did, read_extension, read_token, read_trunk
from pbx.destination import Destination
from pbx.snapshot import DeviceSnapshot, DidSnapshot, ExtensionSnapshot, Snapshot, TenantSnapshot

DeviceKey = tuple[str, str]
_TABLES: Final = ("extensions", "devices", "devices_by_user", "numbers", "dids")
_SETTINGS: Final = tuple(one.name for one in fields(TenantSnapshot) if one.name not in ("key", *_TABLES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A finished draft; `gone` are devices (tenant, user name) that may not be registered any more."""

    snapshot: Snapshot
    gone: tuple[DeviceKey, ...]
    objects: int


class _Tenant:
    """A tenant whose tables may be written."""

    def __init__(self, key: str, known: TenantSnapshot | None) -> None:
        self.key = key
        self.settings: dict[str, Any] | None = None
        self.extensions: dict[str, ExtensionSnapshot] = {}
        self.devices: dict[str, DeviceSnapshot] = {}
        self.users: dict[str, DeviceSnapshot] = {}
        self.numbers: dict[str, Destination] = {}
        self.dids: dict[tuple[str, str], DidSnapshot] = {}
        if known is not None:
            self.settings = {name: getattr(known, name) for name in _SETTINGS}
            self.extensions.update(known.extensions)
            self.devices.update(known.devices)
            self.users.update(known.devices_by_user)
            self.numbers.update(known.numbers)
            self.dids.update(known.dids)

    def drop_extension(self, number: str) -> tuple[str, ...]:
        """Take an extension out with its devices; returns their names."""
        known = self.extensions.pop(number, None)
        if known is None:
            return ()
        for name in known.devices:
            # Another extension may have taken the name already.
            device = self.devices.get(name)
            if device is None or device.extension != number:
                continue
            del self.devices[name]
            for user, _ in device.ha1:
                holder = self.users.get(user)
                if holder is not None and holder.extension == number:
                    self.users.pop(user)
        return known.devices

    def finish(self) -> TenantSnapshot | None:
        """The tenant; None where it is gone."""
        if self.settings is None:
            return None
        return TenantSnapshot(
            key=self.key,
            **self.settings,
            extensions=self.extensions,
            devices=self.devices,
            devices_by_user=self.users,
            numbers=self.numbers,
            dids=self.dids,
        )


class Draft:
    """Begins with the snapshot `base`; `take` any number of rows in any order, then `finish`."""

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self._tenants: dict[str, _Tenant] = {}
        self._trunks = dict(base.trunks)
        self._tokens = dict(base.tokens)
        self._devices: set[DeviceKey] = set()
        self._owners: dict[tuple[str, str], str] | None = None
        """Who has which access number, by (trunk, number); made when the first row of one needs it."""
        self.objects = 0

    def take(self, row: Row) -> None:
        """Add, change or delete one object. Raises KeyError, TypeError or ValueError for what is no row."""
        _TAKERS[row[0]](self, row, len(row) == 3)
        self.objects += 1

    def finish(self, version: str) -> Swap:
        """The next snapshot."""
        tenants = dict(self._base.tenants)
        for key, made in self._tenants.items():
            tenant = made.finish()
            if tenant is None:
                tenants.pop(key, None)
            else:
                tenants[key] = tenant
        snapshot = Snapshot(
            version=version,
            tenants=tenants,
            trunks=self._trunks,
            tokens=self._tokens,
        )
        gone = tuple(one for one in self._devices if not _may_register(snapshot, one))
        return Swap(snapshot=snapshot, gone=gone, objects=self.objects)

    def _tenant(self, key: str) -> _Tenant:
        made = self._tenants.get(key)
        if made is None:
            made = self._tenants[key] = _Tenant(key, self._base.tenants.get(key))
        return made

    def _take_tenant(self, row: Row, gone: bool) -> None:
        settings = None if gone else {**row[3], "digest_algorithms": tuple(row[3]["digest_algorithms"])}
        self._tenant(row[2]).settings = settings

    def _take_extension(self, row: Row, gone: bool) -> None:
        tenant = self._tenant(row[1])
        self._devices.update((tenant.key, name) for name in tenant.drop_extension(row[2]))
        if gone:
            return
        extension, devices = read_extension(row)
        tenant.extensions[extension.number] = extension
        for device in devices:
            tenant.devices[device.username] = device
            self._devices.add((tenant.key, device.username))
            for user, _ in device.ha1:
                tenant.users[user] = device

    def _take_number(self, row: Row, gone: bool) -> None:
        numbers = self._tenant(row[1]).numbers
        numbers.pop(row[2], None)
        if not gone:
            numbers[row[2]] = read_destination(row[3])

    def _take_did(self, row: Row, gone: bool) -> None:
        number, _, trunk = str(row[2]).partition("@")
        place = (trunk, number)
        owners = self._did_owners()
        former = owners.pop(place, None)
        if former is not None:
            self._tenant(former).dids.pop(place, None)
        if not gone:
            owner, did = read_did(row)
            owners[place] = owner
            self._tenant(owner).dids[place] = did

    def _did_owners(self) -> dict[tuple[str, str], str]:
        if self._owners is None:
            tenants = self._base.tenants.values()
            self._owners = {place: tenant.key for tenant in tenants for place in tenant.dids}
        return self._owners

    def _take_trunk(self, row: Row, gone: bool) -> None:
        self._trunks.pop(row[2], None)
        if not gone:
            self._trunks[row[2]] = read_trunk(row)

    def _take_token(self, row: Row, gone: bool) -> None:
        self._tokens.pop(row[2], None)
        if not gone:
            self._tokens[row[2]] = read_token(row)


def _may_register(snapshot: Snapshot, key: DeviceKey) -> bool:
    """Whether there still is such a device, and it and its extension are enabled."""
    tenant = snapshot.tenants.get(key[0])
    device = None if tenant is None else tenant.devices.get(key[1])
    if tenant is None or device is None or not device.enabled:
        return False
    extension = tenant.extensions.get(device.extension)
    return extension is not None and extension.enabled


_TAKERS: Final[dict[str, Callable[[Draft, Row, bool], None]]] = {
    "tenant": Draft._take_tenant,
    "extension": Draft._take_extension,
    "number": Draft._take_number,
    "did": Draft._take_did,
    "trunk": Draft._take_trunk,
    "token": Draft._take_token,
}

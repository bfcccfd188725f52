"""Draft: the next snapshot in the making; it takes compiled objects one by one and costs what they cost.

Only tenants that change are copied, and of them only the tables by name: a phone more in a tenant of ten thousand
takes under a millisecond. The snapshot that it began with stays as it is, for the calls that hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from pbx.compiled import Row, read_destination, read_did, read_extension, read_token, read_trunk
from pbx.destination import Destination
from pbx.snapshot import DeviceSnapshot, DidSnapshot, ExtensionSnapshot, Snapshot, TenantSnapshot

DeviceKey = tuple[str, str]
"""Tenant key and device user name, as in `pbx.location`."""
_TABLES: Final = ("extensions", "devices", "devices_by_user", "numbers", "dids")
_SETTINGS: Final = tuple(one.name for one in fields(TenantSnapshot) if one.name not in ("key", *_TABLES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A finished draft; `gone` are devices (tenant, user name) that may not be registered any more.

    `former` is what was replaced: ten thousand objects are let go of bit by bit, not all at once with the last list.
    """

    snapshot: Snapshot
    gone: tuple[DeviceKey, ...]
    former: list[object]
    objects: int


K = TypeVar("K")
V = TypeVar("V")


def _copy(table: Mapping[K, V]) -> dict[K, V]:
    # A copy of a dictionary is one of its memory, however many keys have gone from it; `dict(...)` may be one by one.
    return table.copy() if isinstance(table, dict) else dict(table)


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
            self.extensions = _copy(known.extensions)
            self.devices = _copy(known.devices)
            self.users = _copy(known.devices_by_user)
            self.numbers = _copy(known.numbers)
            self.dids = _copy(known.dids)

    def put_extension(
        self, number: str, extension: ExtensionSnapshot | None, devices: list[DeviceSnapshot], former: list[object]
    ) -> tuple[str, ...]:
        """Put an extension with its devices (None: nothing) in place of the one that is there, which goes to `former`.

        Returns the names of the devices that it had. What stays under its name is not taken out first: tables without
        gaps are copied fastest.
        """
        known = self.extensions.get(number)
        names = {device.username for device in devices}
        users = {user: device for device in devices for user, _ in device.ha1}
        for name in () if known is None else known.devices:
            # Another extension may have taken the name already.
            device = self.devices.get(name)
            if device is None or device.extension != number:
                continue
            former.append(device)
            if name not in names:
                del self.devices[name]
            self._forget_users(device, users)
        if extension is not None:
            self.extensions[number] = extension
            for device in devices:
                other = self.devices.get(device.username)
                if other is not None and other.extension != number:
                    # Its extension's own row is still to come, and will not find it any more.
                    former.append(other)
                    self._forget_users(other, users)
                self.devices[device.username] = device
            self.users.update(users)
        elif known is not None:
            del self.extensions[number]
        if known is None:
            return ()
        former.append(known)
        return known.devices

    def _forget_users(self, device: DeviceSnapshot, kept: Mapping[str, DeviceSnapshot]) -> None:
        """A device has gone: so have its user names, but those that another one takes over."""
        for user, _ in device.ha1:
            if user not in kept and self.users.get(user) is device:
                del self.users[user]

    def may_register(self, name: str) -> bool:
        """Whether there is such a device, and it and its extension are enabled."""
        device = None if self.settings is None else self.devices.get(name)
        if device is None or not device.enabled:
            return False
        extension = self.extensions.get(device.extension)
        return extension is not None and extension.enabled

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
    """Begins with the snapshot `base`; `take` any number of rows in any order, `sift`, then `finish`."""

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self._tenants: dict[str, _Tenant] = {}
        self._trunks = dict(base.trunks)
        self._tokens = dict(base.tokens)
        self._doubtful: list[DeviceKey] = []
        """Devices that were changed: they may be gone."""
        self._gone: list[DeviceKey] = []
        self._former: list[object] = []
        self._owners: dict[tuple[str, str], str] | None = None
        """Who has which access number, by (trunk, number); made when the first row of one needs it."""
        self.objects = 0

    def take(self, row: Row) -> None:
        """Add, change or delete one object. Raises KeyError, TypeError or ValueError for what is no row."""
        _TAKERS[row[0]](self, row, len(row) == 3)
        self.objects += 1

    def sift(self, most: int) -> bool:
        """After the last row: look at so many changed devices, whether they are gone; True while there are more."""
        for key in self._doubtful[-most:]:
            if not self._tenants[key[0]].may_register(key[1]):
                self._gone.append(key)
        del self._doubtful[-most:]
        return bool(self._doubtful)

    def finish(self, version: str) -> Swap:
        """The next snapshot."""
        self.sift(len(self._doubtful) or 1)
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
        gone = tuple(dict.fromkeys(self._gone))
        return Swap(snapshot=snapshot, gone=gone, former=self._former, objects=self.objects)

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
        extension, devices = (None, []) if gone else read_extension(row)
        names = tenant.put_extension(row[2], extension, devices, self._former)
        self._doubtful += [(tenant.key, name) for name in names]

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


_TAKERS: Final[dict[str, Callable[[Draft, Row, bool], None]]] = {
    "tenant": Draft._take_tenant,
    "extension": Draft._take_extension,
    "number": Draft._take_number,
    "did": Draft._take_did,
    "trunk": Draft._take_trunk,
    "token": Draft._take_token,
}

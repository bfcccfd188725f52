"""What one document cannot say twice, and what it may not leave dangling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pbx.schema.destination import Dest, ExtensionDest, ExternalDest
from pbx.schema.tenant import Device, Extension, Tenant
from pbx.schema.values import split_source

if TYPE_CHECKING:
    from pbx.schema.document import Document

Loc = tuple[str | int, ...]
Found = tuple[Loc, str, str | None]


def check_references(document: Document) -> Iterator[Found]:
    """Place, message and what is allowed, for every duplicate and every unknown reference."""
    yield from _tenants(document)
    yield from _trunks(document)
    yield from _dids(document)


def user_forms(tenant: Tenant, extension: Extension, device: Device) -> tuple[str, ...]:
    """Digest user names that a device answers to: its own, the one for shared hosts, its `auth_user`."""
    name = device.username or extension.number
    forms = (name, f"{tenant.key}-{name}", device.auth_user or name)
    return tuple(dict.fromkeys(forms))


def _tenants(document: Document) -> Iterator[Found]:
    keys: dict[str, str] = {}
    domains: dict[str, str] = {}
    own: str | None = None
    for index, tenant in enumerate(document.tenants):
        place: Loc = ("tenants", index)
        yield from _once(keys, tenant.key, (*place, "key"), f"tenant {tenant.key}")
        yield from _once(domains, tenant.domain, (*place, "domain"), f"tenant {tenant.key}")
        if tenant.own_address:
            if own is not None:
                yield (*place, "own_address"), f"tenant {own} already has the server's own address", "one tenant"
            own = own or tenant.key
        yield from _tenant(document, tenant, place)


def _tenant(document: Document, tenant: Tenant, place: Loc) -> Iterator[Found]:
    numbers: dict[str, str] = {}
    users: dict[str, str] = {}
    for index, extension in enumerate(tenant.extensions):
        at: Loc = (*place, "extensions", index)
        yield from _once(numbers, extension.number, (*at, "number"), f"extension {extension.number}")
        for position, device in enumerate(extension.devices):
            name = device.username or extension.number
            field = "username" if device.username else "auth_user" if device.auth_user else "password"
            where: Loc = (*at, "devices", position, field)
            clash = next((form for form in user_forms(tenant, extension, device) if form in users), None)
            if clash is not None:
                yield where, f"user name {clash} belongs to device {users[clash]} already", "a user name of its own"
            users.update(dict.fromkeys(user_forms(tenant, extension, device), name))
    for index, entry in enumerate(tenant.numbers):
        at = (*place, "numbers", index)
        yield from _once(numbers, entry.number, (*at, "number"), f"number {entry.number}")
        yield from _destination(document, tenant, entry.dest, (*at, "dest"))


def _trunks(document: Document) -> Iterator[Found]:
    names: dict[str, str] = {}
    sources: dict[tuple[str, int | None], str] = {}
    tenants = {tenant.key for tenant in document.tenants}
    for index, trunk in enumerate(document.trunks):
        place: Loc = ("trunks", index)
        yield from _once(names, trunk.name, (*place, "name"), f"trunk {trunk.name}")
        if trunk.tenant is not None and trunk.tenant not in tenants:
            yield (*place, "tenant"), f"there is no tenant {trunk.tenant}", _some(tenants)
        for position, source in enumerate(trunk.source_ips):
            at: Loc = (*place, "source_ips", position)
            holder = sources.setdefault(split_source(source), trunk.name)
            if holder != trunk.name:
                yield at, f"trunk {holder} has this source already", "a source of its own"


def _dids(document: Document) -> Iterator[Found]:
    tenants = {tenant.key: tenant for tenant in document.tenants}
    trunks = {trunk.name: trunk for trunk in document.trunks}
    seen: dict[str, str] = {}
    for index, did in enumerate(document.dids):
        place: Loc = ("dids", index)
        name = f"{did.number} by trunk {did.trunk}" if did.trunk else did.number
        yield from _once(seen, name, (*place, "number"), f"tenant {did.tenant}")
        tenant = tenants.get(did.tenant)
        if tenant is None:
            yield (*place, "tenant"), f"there is no tenant {did.tenant}", _some(set(tenants))
            continue
        if did.trunk is not None:
            trunk = trunks.get(did.trunk)
            if trunk is None:
                yield (*place, "trunk"), f"there is no trunk {did.trunk}", _some(set(trunks))
            elif trunk.tenant is not None and trunk.tenant != did.tenant:
                yield (*place, "trunk"), f"trunk {did.trunk} belongs to tenant {trunk.tenant}", None
        yield from _destination(document, tenant, did.dest, (*place, "dest"))


def _destination(document: Document, tenant: Tenant, dest: Dest, place: Loc) -> Iterator[Found]:
    if isinstance(dest, ExtensionDest):
        known = {extension.number for extension in tenant.extensions}
        if dest.number not in known:
            yield (*place, "number"), f"tenant {tenant.key} has no extension {dest.number}", _some(known)
    elif isinstance(dest, ExternalDest):
        usable = {one.name: one for one in document.trunks if one.tenant in (None, tenant.key)}
        trunk = usable.get(dest.trunk)
        if trunk is None:
            yield (*place, "trunk"), f"tenant {tenant.key} has no trunk {dest.trunk}", _some(set(usable))
        elif not trunk.peers:
            yield (*place, "trunk"), f"trunk {dest.trunk} has no peers to send calls to", "a trunk with peers"


def _once(seen: dict[str, str], value: str, place: Loc, holder: str) -> Iterator[Found]:
    if value in seen:
        yield place, f"{value} belongs to {seen[value]} already", "each once"
    seen.setdefault(value, holder)


def _some(names: set[str]) -> str:
    """The first names of those allowed."""
    chosen = sorted(names)[:8]
    return " | ".join(chosen) + (" | ..." if len(names) > 8 else "") if chosen else "none defined"

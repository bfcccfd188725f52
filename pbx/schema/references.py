"""What the whole configuration may not say twice, and what it may not leave dangling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pbx.config_object import Fault, ObjectKey, Objects, Step
from pbx.schema.kind import KINDS, references_of, tenant_key, trunk_key
from pbx.schema.seal import algorithms_of, user_forms
from pbx.schema.tenant import Device, DirectoryNumber, Extension, TenantSettings
from pbx.schema.trunk import Did, Trunk
from pbx.schema.values import split_source

Dangling = tuple[Fault, ObjectKey]


def check(objects: Objects) -> Iterator[Fault]:
    """Everything that contradicts itself; what refers to nothing is left to `dangling`."""
    seen = _Seen()
    for key, model in objects.items():
        rule = _RULES.get(key.kind)
        if rule is not None:
            yield from rule(objects, seen, key, model)


def dangling(objects: Objects) -> Iterator[Dangling]:
    """Every reference to what is not there, with what it names."""
    for key, model in objects.items():
        for path, target in references_of(key, model):
            if target not in objects:
                yield _dangling(objects, key, model, path, target), target


def users_of(objects: Objects, targets: set[ObjectKey]) -> dict[ObjectKey, list[ObjectKey]]:
    """Who refers to any of these objects, in order of the configuration."""
    found: dict[ObjectKey, list[ObjectKey]] = {}
    for key, model in objects.items():
        for target in dict.fromkeys(target for _, target in references_of(key, model)):
            if target in targets:
                found.setdefault(target, []).append(key)
    return found


class _Seen:
    """What must be there once."""

    def __init__(self) -> None:
        self.domains: dict[str, str] = {}
        self.numbers: dict[tuple[str, str], ObjectKey] = {}
        self.users: dict[tuple[str, str], str] = {}
        self.sources: dict[tuple[str, int | None], str] = {}
        self.own: str | None = None


def _tenant(objects: Objects, seen: _Seen, key: ObjectKey, tenant: TenantSettings) -> Iterator[Fault]:
    holder = seen.domains.setdefault(tenant.domain, tenant.key)
    if holder != tenant.key:
        yield _twice(key, ("domain",), f"{tenant.domain} belongs to tenant {holder} already", "each once")
    if tenant.own_address:
        if seen.own is not None:
            yield _twice(key, ("own_address",), f"tenant {seen.own} already has the server's own address", "one tenant")
        seen.own = seen.own or tenant.key


def _extension(objects: Objects, seen: _Seen, key: ObjectKey, extension: Extension) -> Iterator[Fault]:
    tenant: TenantSettings | None = objects.get(tenant_key(key.tenant))
    yield from _one_number(seen, key)
    for position, device in enumerate(extension.devices):
        name = device.username or extension.number
        forms = user_forms(key.tenant, extension, device)
        clash = next((form for form in forms if (key.tenant, form) in seen.users), None)
        if clash is not None:
            field = "username" if device.username else "auth_user" if device.auth_user else "password"
            held = f"user name {clash} belongs to device {seen.users[key.tenant, clash]} already"
            yield _twice(key, ("devices", position, field), held, "a user name of its own")
        for form in forms:
            seen.users[key.tenant, form] = name
        if tenant is not None:
            yield from _secret(tenant, key, position, device, forms)


def _secret(
    tenant: TenantSettings, key: ObjectKey, position: int, device: Device, forms: tuple[str, ...]
) -> Iterator[Fault]:
    """A sealed device must be able to log in as it stands."""
    path: tuple[Step, ...] = ("devices", position)
    if device.ha1 is None:
        yield Fault(code="invalid", object=key, path=(*path, "password"), message="is required", allowed="or ha1")
        return
    if device.ha1.realm != tenant.domain:
        yield Fault(
            code="invalid",
            object=key,
            path=(*path, "ha1", "realm"),
            message=f"the hashes are for realm {device.ha1.realm}, the tenant's domain is {tenant.domain}: "
            "set the password anew",
            allowed=tenant.domain,
        )
        return
    for form in forms:
        lacking = [one for one in algorithms_of(tenant, device) if one not in device.ha1.users.get(form, {})]
        if lacking:
            yield Fault(
                code="invalid",
                object=key,
                path=(*path, "ha1"),
                message=f"there is no hash of user name {form} for {' and '.join(lacking)}: set the password anew",
            )


def _one_number(seen: _Seen, key: ObjectKey) -> Iterator[Fault]:
    """Extensions and other numbers of a tenant share one space."""
    holder = seen.numbers.setdefault((key.tenant, key.key), key)
    if holder is not key:
        yield _twice(key, ("number",), f"{key.key} belongs to {holder.kind} {holder.key} already", "each once")


def _number(objects: Objects, seen: _Seen, key: ObjectKey, entry: DirectoryNumber) -> Iterator[Fault]:
    yield from _one_number(seen, key)
    yield from _reach(objects, key, key.tenant, entry)


def _trunk(objects: Objects, seen: _Seen, key: ObjectKey, trunk: Trunk) -> Iterator[Fault]:
    for position, source in enumerate(trunk.source_ips):
        holder = seen.sources.setdefault(split_source(source), trunk.name)
        if holder != trunk.name:
            yield _twice(
                key, ("source_ips", position), f"trunk {holder} has this source already", "a source of its own"
            )


def _did(objects: Objects, seen: _Seen, key: ObjectKey, did: Did) -> Iterator[Fault]:
    trunk: Trunk | None = None if did.trunk is None else objects.get(trunk_key(did.trunk))
    if trunk is not None and trunk.tenant not in (None, did.tenant):
        message = f"trunk {did.trunk} belongs to tenant {trunk.tenant}"
        yield Fault(code="unknown", object=key, path=("trunk",), message=message)
    yield from _reach(objects, key, did.tenant, did)


def _reach(objects: Objects, key: ObjectKey, tenant: str, entry: DirectoryNumber | Did) -> Iterator[Fault]:
    """A destination outside needs a trunk that the tenant may use, and one that leads somewhere."""
    if entry.dest.type != "external":
        return
    trunk: Trunk | None = objects.get(trunk_key(entry.dest.trunk))
    if trunk is None:
        return
    if trunk.tenant not in (None, tenant):
        yield _dangling(objects, key, entry, ("dest", "trunk"), trunk_key(trunk.name))
    elif not trunk.peers:
        message = f"trunk {trunk.name} has no peers to send calls to"
        yield Fault(code="invalid", object=key, path=("dest", "trunk"), message=message, allowed="a trunk with peers")


_RULES: Final[dict[str, Callable[[Objects, _Seen, ObjectKey, Any], Iterator[Fault]]]] = {
    "tenant": _tenant,
    "extension": _extension,
    "number": _number,
    "trunk": _trunk,
    "did": _did,
}


def _dangling(objects: Objects, key: ObjectKey, model: Any, path: tuple[Step, ...], target: ObjectKey) -> Fault:
    """Names what is not there, and some of what is."""
    known = [one for one in objects if one.kind == target.kind and one.tenant == target.tenant]
    message = f"there is no {target.kind} {target.key}"
    if path and path[0] == "dest":
        tenant = KINDS[key.kind].owner(key, model) or ""
        message = f"tenant {tenant} has no {target.kind} {target.key}"
        known = [one for one in known if KINDS[one.kind].owner(one, objects[one]) in (None, tenant)]
    return Fault(code="unknown", object=key, path=path, message=message, allowed=_some({one.key for one in known}))


def _twice(key: ObjectKey, path: tuple[Step, ...], message: str, allowed: str) -> Fault:
    return Fault(code="duplicate", object=key, path=path, message=message, allowed=allowed)


def _some(names: Iterable[str]) -> str:
    """The first names of those allowed."""
    chosen = sorted(names)
    return " | ".join(chosen[:8]) + (" | ..." if len(chosen) > 8 else "") if chosen else "none defined"

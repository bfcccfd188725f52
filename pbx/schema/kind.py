"""Kinds of configuration objects: the model of each, its key, its owner, and what it refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pbx.config_object import ObjectKey, Step
from pbx.schema.destination import Dest, ExtensionDest, ExternalDest
from pbx.schema.tenant import DirectoryNumber, Extension, TenantSettings
from pbx.schema.token import Token
from pbx.schema.trunk import Did, Trunk
from pbx.schema.values import Model

Reference = tuple[tuple[Step, ...], ObjectKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind. `scoped`: its keys are unique in a tenant; `document`: it is part of documents and of their history.

    `name` gives the key of a model, `owner` the tenant that it belongs to, `refers` what must exist beside it.
    """

    model: type[Model]
    scoped: bool
    document: bool = True
    name: Callable[[Any], str]
    owner: Callable[[ObjectKey, Any], str | None]
    refers: Callable[[ObjectKey, Any], Iterator[Reference]]


def tenant_key(key: str) -> ObjectKey:
    """Names a tenant."""
    return ObjectKey("tenant", "", key)


def extension_key(tenant: str, number: str) -> ObjectKey:
    """Names an extension."""
    return ObjectKey("extension", tenant, number)


def trunk_key(name: str) -> ObjectKey:
    """Names a trunk."""
    return ObjectKey("trunk", "", name)


def did_name(did: Did) -> str:
    """The key of an access number: one number may stand once for each trunk and once for all of them."""
    return f"{did.number}@{did.trunk}" if did.trunk else did.number


def _nothing(key: ObjectKey, model: Any) -> Iterator[Reference]:
    yield from ()


def _scope(key: ObjectKey, model: Any) -> Iterator[Reference]:
    yield (), tenant_key(key.tenant)


def _number(key: ObjectKey, entry: DirectoryNumber) -> Iterator[Reference]:
    yield (), tenant_key(key.tenant)
    yield from _destination(key.tenant, entry.dest)


def _did(key: ObjectKey, did: Did) -> Iterator[Reference]:
    yield ("tenant",), tenant_key(did.tenant)
    if did.trunk is not None:
        yield ("trunk",), trunk_key(did.trunk)
    yield from _destination(did.tenant, did.dest)


def _owned(key: ObjectKey, model: Trunk | Token) -> Iterator[Reference]:
    if model.tenant is not None:
        yield ("tenant",), tenant_key(model.tenant)


def _destination(tenant: str, dest: Dest) -> Iterator[Reference]:
    if isinstance(dest, ExtensionDest):
        yield ("dest", "number"), extension_key(tenant, dest.number)
    elif isinstance(dest, ExternalDest):
        yield ("dest", "trunk"), trunk_key(dest.trunk)


KINDS: Final[dict[str, Kind]] = {
    "tenant": Kind(
        model=TenantSettings,
        scoped=False,
        name=lambda model: str(model.key),
        owner=lambda key, _: key.key,
        refers=_nothing,
    ),
    "extension": Kind(
        model=Extension,
        scoped=True,
        name=lambda model: str(model.number),
        owner=lambda key, _: key.tenant,
        refers=_scope,
    ),
    "number": Kind(
        model=DirectoryNumber,
        scoped=True,
        name=lambda model: str(model.number),
        owner=lambda key, _: key.tenant,
        refers=_number,
    ),
    "trunk": Kind(
        model=Trunk,
        scoped=False,
        name=lambda model: str(model.name),
        owner=lambda _, model: model.tenant,
        refers=_owned,
    ),
    "did": Kind(
        model=Did,
        scoped=False,
        name=did_name,
        owner=lambda _, model: str(model.tenant),
        refers=_did,
    ),
    "token": Kind(
        model=Token,
        scoped=False,
        document=False,
        name=lambda model: str(model.id),
        owner=lambda _, model: model.tenant,
        refers=_owned,
    ),
}
"""Devices are part of their extension: a device belongs to one extension, goes with it, and both change in one row."""


def key_of(kind: str, tenant: str, model: Model) -> ObjectKey:
    """What names a model of this kind."""
    found = KINDS[kind]
    return ObjectKey(kind, tenant if found.scoped else "", found.name(model))


def owner_of(key: ObjectKey, model: Model) -> str | None:
    """The tenant that an object belongs to; None where all share it."""
    return KINDS[key.kind].owner(key, model)


def references_of(key: ObjectKey, model: Model) -> Iterator[Reference]:
    """What an object needs beside it: the path of the field, and whom it names there."""
    return KINDS[key.kind].refers(key, model)


def body_of(model: Model) -> dict[str, Any]:
    """The canonical form of a document: plain data without what is default."""
    return model.model_dump(mode="json", exclude_defaults=True)

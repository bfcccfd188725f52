"""Resource: one kind of configuration object as the API shows it; its paths, checks and pages follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from admin_api.problem import FieldError, Problem
from admin_api.query import Param
from pbx.config_object import ObjectKey
from pbx.schema.tree import Node, join
from pbx.schema.values import Model
from pbx.schema.wording import worded

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of objects.

    `path` is that of the collection, `key` the field that names an item, `part` the name of that in the path;
    `scoped`: the store keeps the key within the tenant. `owner`: field of the document that names the tenant; the path
    says it, so the API's documents leave it out. `tenant_writes`: tokens of the tenant may change these.
    """

    name: str
    noun: str
    kind: str
    path: str
    key: str
    model: type[Model]
    part: str
    scoped: bool = False
    owner: str | None = None
    tenant_writes: bool = False
    filters: tuple[Param, ...] = ()
    sorts: tuple[str, ...] = ("key",)
    about: str
    example: Json = field(default_factory=dict)

    @property
    def item(self) -> str:
        """The path of one object."""
        return f"{self.path}/{{{self.part}}}"


def named(resource: Resource, tenant: str, document: Mapping[str, Any]) -> ObjectKey:
    """What names the object of a document, as far as it can be told before it is checked."""
    key = str(document.get(resource.key))
    trunk = document.get("trunk") if resource.kind == "did" else None
    return ObjectKey(resource.kind, tenant if resource.scoped else "", f"{key}@{trunk}" if trunk else key)


def validated(model: type[Model], document: Any, raw: bytes) -> None:
    """Check a document as JSON: a number is no text. Raises Problem (422) with every field that is wrong."""
    try:
        model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        root = node_of(document, "")
        found = [worded(one, root, model) for one in error.errors(include_url=False)]
        raise wrong_fields(
            [FieldError(field=one.field, message=one.message, allowed=one.allowed) for one in found]
        ) from None


def wrong_fields(errors: list[FieldError]) -> Problem:
    """The refusal of a document: its text is the first fault."""
    first = errors[0]
    more = f"; and {len(errors) - 1} more" if len(errors) > 1 else ""
    place = f"{first.field}: " if first.field else ""
    allowed = f" (allowed: {first.allowed})" if first.allowed else ""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{place}{first.message}{allowed}{more}", errors=errors[:100])


def node_of(value: Any, path: str) -> Node:
    """A JSON value as the tree that errors are placed in."""
    if isinstance(value, dict):
        return Node({name: node_of(one, join(path, name)) for name, one in value.items()}, "", 0, path)
    if isinstance(value, list):
        return Node([node_of(one, join(path, at)) for at, one in enumerate(value)], "", 0, path)
    return Node(None if value is None else str(value), "", 0, path)

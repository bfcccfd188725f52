"""Parsing: the body of one object, as the API gives it, into its model, or what is wrong with it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from pbx.config_object import Fault, ObjectKey, Step
from pbx.schema.kind import KINDS
from pbx.schema.tree import Node, join
from pbx.schema.values import Model
from pbx.schema.wording import worded


def parse_body(kind: str, body: Any) -> tuple[Model | None, list[tuple[tuple[Step, ...], str, str | None]]]:
    """The model of a body, or None and what is wrong: path, message, what is allowed. Raises KeyError for the kind."""
    model = KINDS[kind].model
    if not isinstance(body, dict):
        return None, [((), "must be settings by name", "an object")]
    try:
        return model.model_validate(body), []
    except ValidationError as error:
        root = _tree(body, "")
        found = [worded(one, root, model) for one in error.errors(include_url=False)]
        return None, [(_steps(one.field), one.message, one.allowed) for one in found]


def faults_of(key: ObjectKey, found: list[tuple[tuple[Step, ...], str, str | None]]) -> list[Fault]:
    """The same as faults of an object."""
    return [
        Fault(code="invalid", object=key, path=path, message=message, allowed=allowed)
        for path, message, allowed in found
    ]


def _tree(value: Any, path: str) -> Node:
    """A body as a tree that knows its paths, like a document's."""
    if isinstance(value, dict):
        return Node({str(name): _tree(one, join(path, str(name))) for name, one in value.items()}, "", 0, path)
    if isinstance(value, list):
        return Node([_tree(one, join(path, place)) for place, one in enumerate(value)], "", 0, path)
    return Node(None if value is None else str(value), "", 0, path)


def _steps(path: str) -> tuple[Step, ...]:
    """`devices[0].username` taken apart."""
    steps: list[Step] = []
    for part in path.split(".") if path else ():
        name, *places = part.replace("]", "").split("[")
        if name:
            steps.append(name)
        steps += [int(place) if place.isdigit() else place for place in places]
    return tuple(steps)

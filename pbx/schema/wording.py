"""Wording: what pydantic finds, in words for people, with the place and what is allowed there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args

from pydantic_core import ErrorDetails

from pbx.config_error import ConfigError
from pbx.schema.tree import Node
from pbx.schema.values import Model

Loc = tuple[str | int, ...]


def node_at(root: Node, loc: Loc) -> Node:
    """The node at `loc`, or the nearest above it."""
    node = root
    for step in loc:
        node = node.child(step) or node
    return node


def worded(error: ErrorDetails, root: Node, model: type[Model]) -> ConfigError:
    """A pydantic error with our words and the place in the file."""
    kind, loc = error["type"], error["loc"]
    if kind == "missing":
        return node_at(root, loc[:-1]).error("is required", step=str(loc[-1]))
    if kind == "extra_forbidden":
        return node_at(root, loc).error("is no setting here", " | ".join(_settings_at(model, loc[:-1])))
    if kind == "union_tag_invalid":
        loc = (*loc, "type")
    context = error.get("ctx", {})
    words = _WORDS.get(kind)
    message, allowed = words(error["input"], context) if words else (error["msg"], context.get("allowed"))
    return node_at(root, loc).error(message, allowed)


def _settings_at(model: type[Model], loc: Loc) -> list[str]:
    """Names of the settings at `loc`, for "unknown setting" errors."""
    candidates: list[type[Model]] = []
    for step in loc:
        if isinstance(step, int):
            continue
        tagged = [one for one in candidates if step in get_args(one.model_fields["type"].annotation)]
        if tagged:
            model, candidates = tagged[0], []
        elif step in model.model_fields:
            candidates = _models_in(model.model_fields[step].annotation)
            model = candidates[0] if candidates else model
            candidates = candidates if len(candidates) > 1 else []
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[Model]]:
    """All document models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value)[:80]
    return "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"


_Words = Callable[[Any, dict[str, Any]], tuple[str, str | None]]

_WORDS: Final[dict[str, _Words]] = {
    "refused": lambda value, ctx: (ctx["message"], ctx["allowed"]),
    "string_type": lambda value, ctx: ("must be text", "text"),
    "int_type": lambda value, ctx: (f"{_shown(value)} is not a whole number", "a whole number"),
    "int_parsing": lambda value, ctx: (f"{_shown(value)} is not a whole number", "a whole number"),
    "int_from_float": lambda value, ctx: (f"{_shown(value)} is not a whole number", "a whole number"),
    "bool_type": lambda value, ctx: (f"{_shown(value)} is neither true nor false", "true | false"),
    "bool_parsing": lambda value, ctx: (f"{_shown(value)} is neither true nor false", "true | false"),
    "greater_than_equal": lambda value, ctx: (f"{_shown(value)} is too small", f"{ctx['ge']} or more"),
    "less_than_equal": lambda value, ctx: (f"{_shown(value)} is too large", f"{ctx['le']} or less"),
    "literal_error": lambda value, ctx: (
        f"{_shown(value)} is not known here",
        ctx["expected"].replace("'", "").replace(", ", " | ").replace(" or ", " | "),
    ),
    "tuple_type": lambda value, ctx: (f"{_shown(value)} stands where a list must be", "a list"),
    "model_type": lambda value, ctx: (f"{_shown(value)} stands where settings must be", "settings by name"),
    "model_attributes_type": lambda value, ctx: (
        f"{_shown(value)} stands where settings must be",
        "settings by name",
    ),
    "too_short": lambda value, ctx: ("the list is too short", f"{ctx['min_length']} or more"),
    "too_long": lambda value, ctx: ("the list is too long", f"{ctx['max_length']} or fewer"),
    "union_tag_invalid": lambda value, ctx: (
        f"{ctx['tag']!r} is not a type of destination",
        ctx["expected_tags"].replace("'", "").replace(", ", " | "),
    ),
    "union_tag_not_found": lambda value, ctx: ("has no type", "a destination with its type"),
}

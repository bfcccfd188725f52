"""Listing: objects of a kind, filtered, in order, page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pbx.config_object import Filter, Page, StoredObject
from pbx.records.state import State

Rank = list[Any]
OWN_FIELDS: Final = ("kind", "tenant", "key", "id", "owner", "revision", "created_at_ms", "updated_at_ms")


class ListingError(ValueError):
    """The query cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which objects. `owner` None: of all tenants; `sort` is a field, with `-` in front the last first."""

    kind: str
    owner: str | None = None
    filters: Sequence[Filter] = ()
    sort: str = "key"
    cursor: str | None = None
    limit: int = 100


def page_of(state: State, query: Query) -> Page:
    """The page that a query asks for. Raises ListingError for an operator or a cursor that is none."""
    tests = [_test(one) for one in query.filters]
    found = [
        one
        for one in (state.stored(key) for key in state.rows if key.kind == query.kind)
        if one is not None and query.owner in (None, one.owner) and all(test(one) for test in tests)
    ]
    down = query.sort.startswith("-")
    field = query.sort.removeprefix("-")
    ranked = sorted(((_rank(one, field), one) for one in found), key=lambda pair: pair[0], reverse=down)
    if query.cursor is not None:
        last = _read_cursor(query.cursor)
        ranked = [pair for pair in ranked if (pair[0] < last if down else pair[0] > last)]
    shown = ranked[: query.limit]
    more = len(ranked) > len(shown)
    return Page(
        objects=tuple(one for _, one in shown),
        cursor=_cursor(shown[-1][0]) if more and shown else None,
        total=len(found),
    )


def value_of(one: StoredObject, field: str) -> Any:
    """A field of an object, or of its body; None where it has none."""
    if field in OWN_FIELDS:
        return getattr(one, field)
    value: Any = one.body
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _rank(one: StoredObject, field: str) -> Rank:
    """What an object is ordered by: nothing first, then numbers, then text; its key decides between equals."""
    value = value_of(one, field)
    if isinstance(value, bool) or value is None:
        place: Rank = [0, int(bool(value)), ""]
    elif isinstance(value, int | float):
        place = [1, value, ""]
    else:
        place = [2, 0, value if isinstance(value, str) else json.dumps(value, sort_keys=True)]
    return [*place, one.tenant, one.key]


def _text(value: Any) -> Iterable[str]:
    """A value as text to compare with; a list is any of its members."""
    if isinstance(value, list):
        for one in value:
            yield from _text(one)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield str(value)


_OPERATORS: Final[dict[str, Callable[[str, str], bool]]] = {
    "is": lambda text, wanted: text == wanted,
    "contains": lambda text, wanted: wanted.casefold() in text.casefold(),
    "begins": lambda text, wanted: text.startswith(wanted),
}


def _test(one: Filter) -> Callable[[StoredObject], bool]:
    operator = _OPERATORS.get(one.op)
    if operator is None:
        raise ListingError(f"there is no operator {one.op} (allowed: {', '.join(_OPERATORS)})")
    return lambda found: any(operator(text, one.value) for text in _text(value_of(found, one.field)))


def _cursor(rank: Rank) -> str:
    return base64.urlsafe_b64encode(json.dumps(rank).encode()).decode().rstrip("=")


def _read_cursor(text: str) -> Rank:
    try:
        kind, number, word, tenant, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError) as error:
        raise ListingError("the cursor is none of ours; begin without one") from error
    numbers = all(isinstance(one, int | float) for one in (kind, number))
    if not numbers or not all(isinstance(one, str) for one in (word, tenant, key)):
        raise ListingError("the cursor is none of ours; begin without one")
    return [kind, number, word, tenant, key]

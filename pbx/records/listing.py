"""Listing: objects of a kind, filtered, in order, page by page."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from pbx.config_object import Filter, ObjectKey, Page
from pbx.records.state import State
from pbx.schema.kind import KINDS, owner_of

Rank = tuple[Any, ...]
MOST_ORDERS: Final = 50
KEY_FIELDS: Final = ("kind", "tenant", "key")
OWN_FIELDS: Final = ("id", "owner", "revision", "created_at_ms", "updated_at_ms")


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
    tests = [_test(state, one) for one in query.filters]
    ranked = _order(state, query)
    down = query.sort.startswith("-")
    if tests:
        kind = query.kind
        ranked = [one for one in ranked if all(test(ObjectKey(kind, one[5], one[4])) for test in tests)]
    total = len(ranked)
    first, last = 0, total
    if query.cursor is not None:
        place = _read_cursor(query.cursor)
        if down:
            last = bisect_left(ranked, place)
        else:
            # A rank is longer than the place in a cursor by its last member.
            first = bisect_right(ranked, place, key=lambda one: one[:5])
    more = last - first > query.limit
    chosen = ranked[max(first, last - query.limit) : last][::-1] if down else ranked[first:last][: query.limit]
    objects = [state.stored(ObjectKey(query.kind, one[5], one[4])) for one in chosen]
    return Page(
        objects=tuple(one for one in objects if one is not None),
        cursor=_cursor(chosen[-1][:5]) if more else None,
        total=total,
    )


def _order(state: State, query: Query) -> list[Rank]:
    """All objects of a kind and an owner in an order; kept for as long as the version is in force."""
    name = (query.kind, query.owner, query.sort.removeprefix("-"))
    found = state.orders.get(name)
    if found is None:
        if len(state.orders) >= MOST_ORDERS:
            state.orders.clear()
        found = state.orders[name] = sorted(_ranked(state, _owned(state, query.kind, query.owner), name[2]))
    return found


def _owned(state: State, kind: str, owner: str | None) -> list[ObjectKey]:
    """Objects of a kind that belong to a tenant, or to anybody."""
    keys = [key for key in state.rows if key[0] == kind]
    if owner is None:
        return keys
    if kind in KINDS and KINDS[kind].scoped:
        return [key for key in keys if key[1] == owner]
    return [key for key in keys if owner_of(key, state.objects[key]) == owner]


def _reader(state: State, field: str) -> Callable[[ObjectKey], Any]:
    """Reads a field of an object, or of its body with what is default there; None where it has none."""
    if field in KEY_FIELDS:
        return attrgetter(field)
    if field in OWN_FIELDS:
        return lambda key: getattr(state.stored(key), field)
    rows, objects = state.rows, state.objects
    first, *rest = field.split(".")

    def read(key: ObjectKey) -> Any:
        body = rows[key].body
        value: Any = body[first] if first in body else getattr(objects[key], first, None)
        for name in rest:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return read


def _ranked(state: State, keys: Sequence[ObjectKey], field: str) -> list[Rank]:
    """What objects are ordered by: nothing first, then numbers, then text; the key decides between equals.

    The tenant of the key stands behind it once more, for who makes the key of it again.
    """
    if field == "key":
        return [(2, 0, key, tenant, key, tenant) for _, tenant, key in keys]
    read = _reader(state, field)
    return [(*_place(read(key)), key.tenant, key.key, key.tenant) for key in keys]


def _place(value: Any) -> tuple[int, float, str]:
    if isinstance(value, bool) or value is None:
        return 0, int(bool(value)), ""
    if isinstance(value, int | float):
        return 1, value, ""
    return 2, 0, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _text(value: Any) -> Iterable[str]:
    """A value as text to compare with; a list is any of its members."""
    if isinstance(value, list | tuple):
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


def _test(state: State, one: Filter) -> Callable[[ObjectKey], bool]:
    operator = _OPERATORS.get(one.op)
    if operator is None:
        raise ListingError(f"there is no operator {one.op} (allowed: {', '.join(_OPERATORS)})")
    read, wanted = _reader(state, one.field), one.value

    def test(key: ObjectKey) -> bool:
        value = read(key)
        if isinstance(value, str):
            return operator(value, wanted)
        return any(operator(text, wanted) for text in _text(value))

    return test


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
    return kind, number, word, tenant, key

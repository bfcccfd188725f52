"""Listing: objects of a kind, filtered, in order, page by page, from indexes that are made once for a version."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from pbx.config_object import Filter, ObjectKey
from pbx.records.state import State
from pbx.schema.kind import KINDS, owner_of

Place = tuple[int, float, str, str, str]
"""What an object is ordered by: nothing first, then numbers, then text; tenant and key decide between equals."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage:
    """What objects a page holds; `cursor` continues behind them, None at the end. `total` counts all that match."""

    keys: tuple[ObjectKey, ...]
    cursor: str | None
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Objects of a kind and an owner in one order; `columns` are texts of their fields, in the same order.

    A text holds every value of the field between NULs: each comparison is then a search for a text.
    """

    places: list[Place]
    keys: list[ObjectKey]
    columns: dict[tuple[str, bool], list[str]] = field(default_factory=dict)


def page_of(state: State, query: Query) -> KeyPage:
    """The page that a query asks for. Raises ListingError for an operator or a cursor that is none."""
    order = _order(state, query)
    chosen: Sequence[int] = range(len(order.keys))
    for one in query.filters:
        chosen = _matching(state, order, one, chosen)
    first, last = 0, len(chosen)
    down = query.sort.startswith("-")
    if query.cursor is not None:
        place = _read_cursor(query.cursor)
        if down:
            last = bisect_left(chosen, bisect_left(order.places, place))
        else:
            first = bisect_left(chosen, bisect_right(order.places, place))
    more = last - first > query.limit
    found = chosen[max(first, last - query.limit) : last][::-1] if down else chosen[first : first + query.limit]
    return KeyPage(
        keys=tuple(order.keys[at] for at in found),
        cursor=_cursor(order.places[found[-1]]) if more else None,
        total=len(chosen),
    )


def _order(state: State, query: Query) -> Order:
    """All objects of a kind and an owner in an order; kept for as long as the version is in force."""
    name = (query.kind, query.owner, query.sort.removeprefix("-"))
    found: Order | None = state.orders.get(name)
    if found is None:
        if len(state.orders) >= MOST_ORDERS:
            state.orders.clear()
        keys = _owned(state, query.kind, query.owner)
        placed = sorted(zip(_places(state, keys, name[2]), keys, strict=True))
        found = Order(places=[place for place, _ in placed], keys=[key for _, key in placed])
        state.orders[name] = found
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


def _places(state: State, keys: Sequence[ObjectKey], field: str) -> list[Place]:
    if field == "key":
        return [(2, 0, key, tenant, key) for _, tenant, key in keys]
    read = _reader(state, field)
    return [(*_rank(read(key)), key.tenant, key.key) for key in keys]


def _rank(value: Any) -> tuple[int, float, str]:
    if isinstance(value, bool) or value is None:
        return 0, int(bool(value)), ""
    if isinstance(value, int | float):
        return 1, value, ""
    return 2, 0, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


_OPERATORS: Final[dict[str, Callable[[str], tuple[str, bool]]]] = {
    "is": lambda wanted: (f"\0{wanted}\0", False),
    "contains": lambda wanted: (wanted.casefold(), True),
    "begins": lambda wanted: (f"\0{wanted}", False),
}
"""What to look for in a column's texts, and whether in those without regard to case."""


def _matching(state: State, order: Order, one: Filter, among: Sequence[int]) -> list[int]:
    """Those of some places of an order that a filter lets through."""
    operator = _OPERATORS.get(one.op)
    if operator is None:
        raise ListingError(f"there is no operator {one.op} (allowed: {', '.join(_OPERATORS)})")
    sought, folded = operator(one.value)
    column = order.columns.get((one.field, folded))
    if column is None:
        read = _reader(state, one.field)
        texts = ["".join(f"\0{text}\0" for text in _texts(read(key))) for key in order.keys]
        column = order.columns[one.field, folded] = [text.casefold() for text in texts] if folded else texts
    if len(among) == len(column):
        return [at for at, text in enumerate(column) if sought in text]
    return [at for at in among if sought in column[at]]


def _texts(value: Any) -> Iterable[str]:
    """A value as text to compare with; a list is any of its members."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield str(value)


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(text: str) -> Place:
    try:
        kind, number, word, tenant, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError) as error:
        raise ListingError("the cursor is none of ours; begin without one") from error
    numbers = all(isinstance(one, int | float) for one in (kind, number))
    if not numbers or not all(isinstance(one, str) for one in (word, tenant, key)):
        raise ListingError("the cursor is none of ours; begin without one")
    return kind, number, word, tenant, key

"""Searching history: call records by time, number, result and the like, and events, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select, union

from pbx.cdr import Cdr, LegRecord
from pbx.store.queries import HistoryReader
from pbx.store.tables import CALLS, EVENTS
from pbx.ulid import first_of

EQUAL: Final = ("device", "extension", "did", "reason", "result", "trunk", "direction", "tenant")
"""Columns that a search compares, each with an index; what has fewer calls, as a rule, comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrSearch:
    """Which call records, and which page of them; None = any.

    `since_ms` (from then on) and `until_ms` (before then) are UTC; `number` is the caller's or the one called;
    `cursor` is the id of the last call of the page before; `newest_first` or the oldest.
    """

    limit: int = 100
    cursor: str | None = None
    newest_first: bool = True
    since_ms: int | None = None
    until_ms: int | None = None
    number: str | None = None
    tenant: str | None = None
    result: str | None = None
    reason: str | None = None
    direction: str | None = None
    extension: str | None = None
    device: str | None = None
    trunk: str | None = None
    did: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSearch:
    """Which events, in order of their numbers; `after` is the number to go on behind, `call` and `code` narrow."""

    limit: int = 100
    after: int = 0
    call: str | None = None
    code: int | None = None
    since_ns: int | None = None


class HistorySearch(HistoryReader):
    """One connection for searching."""

    def search_cdrs(self, wanted: CdrSearch) -> list[Cdr]:
        """A page of call records with their legs."""
        rows = self.search_rows(wanted)
        legs: dict[str, list[LegRecord]] = {row.call_id: [] for row in rows}
        for leg in self._legs(legs):
            legs[leg.call_id].append(leg)
        return [Cdr(**row._mapping, legs=tuple(legs[row.call_id])) for row in rows]

    def search_rows(self, wanted: CdrSearch) -> Sequence[Row[Any]]:
        """A page of rows of `calls`, their values in the order of its columns."""
        order = CALLS.c.call_id.desc() if wanted.newest_first else CALLS.c.call_id
        where = _conditions(wanted, guided=self._connection.dialect.name == "sqlite")
        if wanted.number is None:
            return self._rows(select(CALLS).where(*where).order_by(order).limit(wanted.limit))
        # Each of the two indexes gives a page in order; of an OR, all calls of the number would have to be sorted.
        sides = [
            select(select(CALLS.c.call_id).where(side == wanted.number, *where).order_by(order).limit(wanted.limit)
                   .subquery())
            for side in (CALLS.c.caller_original, CALLS.c.called_original)
        ]  # fmt: skip
        either = CALLS.c.call_id.in_(union(*sides))
        return self._rows(select(CALLS).where(either).order_by(order).limit(wanted.limit))

    def search_events(self, wanted: EventSearch) -> list[bytes]:
        """A page of events, as they are stored (`pbx.events.decode`)."""
        query = select(EVENTS.c.payload).where(EVENTS.c.seq > wanted.after).order_by(EVENTS.c.seq).limit(wanted.limit)
        if wanted.call is not None:
            query = query.where(EVENTS.c.call == wanted.call)
        if wanted.code is not None:
            query = query.where(EVENTS.c.code == wanted.code)
        if wanted.since_ns is not None:
            query = query.where(EVENTS.c.at_ns >= wanted.since_ns)
        return [row.payload for row in self._rows(query)]


def _conditions(wanted: CdrSearch, *, guided: bool) -> list[ColumnElement[bool]]:
    """What rows have to fulfil, besides the number. `guided`: they say themselves which index is to be taken."""
    key = CALLS.c.call_id
    found: list[ColumnElement[bool]] = []
    # The id begins with the time of the call's birth: a span of time is a span of the key.
    if wanted.since_ms is not None:
        found.append(key >= first_of(wanted.since_ms))
    if wanted.until_ms is not None:
        found.append(key < first_of(wanted.until_ms))
    if wanted.cursor is not None:
        found.append(key < wanted.cursor if wanted.newest_first else key > wanted.cursor)
    given = [name for name in EQUAL if getattr(wanted, name) is not None]
    for place, name in enumerate(given):
        column, value = CALLS.c[name], getattr(wanted, name)
        # SQLite knows nothing of how many rows a value has: it is kept from all indexes but that of the narrowest.
        aside = guided and (place > 0 or wanted.number is not None)
        found.append(func.coalesce(column, "") == value if aside else column == value)
    return found

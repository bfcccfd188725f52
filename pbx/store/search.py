"""Searching history: call records by time, number, result and the like, and events, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select

from pbx.cdr import Cdr, LegRecord
from pbx.events import Envelope, decode
from pbx.store.queries import HistoryReader
from pbx.store.tables import CALLS, EVENTS
from pbx.ulid import first_of

EQUAL: Final = ("tenant", "result", "reason", "direction", "extension", "device", "trunk", "did")
"""Columns that a search compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrSearch:
    """Which call records, and which page of them; None = any.

    `since_ms` (from then on) and `until_ms` (before then) are UTC; `number` is the caller's or the one called;
    `cursor` is the id of the last call of the page before; `newest_first` or the oldest.
    """

    limit: int = 100
    cursor: str | None = None
    newest_first: bool = True
    with_legs: bool = True
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
        """A page of call records, with their legs where these are wanted."""
        key = CALLS.c.call_id
        order = key.desc() if wanted.newest_first else key
        query: Select[Any] = select(CALLS).where(*_conditions(wanted)).order_by(order).limit(wanted.limit)
        rows = self._rows(query)
        legs: dict[str, list[LegRecord]] = {row.call_id: [] for row in rows}
        for leg in self._legs(legs) if wanted.with_legs else ():
            legs[leg.call_id].append(leg)
        return [Cdr(**row._mapping, legs=tuple(legs[row.call_id])) for row in rows]

    def search_events(self, wanted: EventSearch) -> list[Envelope]:
        """A page of events."""
        query = select(EVENTS.c.payload).where(EVENTS.c.seq > wanted.after).order_by(EVENTS.c.seq).limit(wanted.limit)
        if wanted.call is not None:
            query = query.where(EVENTS.c.call == wanted.call)
        if wanted.code is not None:
            query = query.where(EVENTS.c.code == wanted.code)
        if wanted.since_ns is not None:
            query = query.where(EVENTS.c.at_ns >= wanted.since_ns)
        return [decode(row.payload) for row in self._rows(query)]


def _conditions(wanted: CdrSearch) -> list[ColumnElement[bool]]:
    key = CALLS.c.call_id
    found: list[ColumnElement[bool]] = []
    # The id begins with the time of the call's birth: a span of time is a span of the key.
    if wanted.since_ms is not None:
        found.append(key >= first_of(wanted.since_ms))
    if wanted.until_ms is not None:
        found.append(key < first_of(wanted.until_ms))
    if wanted.cursor is not None:
        found.append(key < wanted.cursor if wanted.newest_first else key > wanted.cursor)
    if wanted.number is not None:
        found.append(or_(CALLS.c.caller_original == wanted.number, CALLS.c.called_original == wanted.number))
    for name in EQUAL:
        value = getattr(wanted, name)
        if value is not None and name == "tenant" and wanted.number is not None:
            # A number has fewer calls than a tenant: of the indexes that of the number shall be taken.
            found.append(func.coalesce(CALLS.c.tenant, "") == value)
        elif value is not None:
            found.append(CALLS.c[name] == value)
    return found

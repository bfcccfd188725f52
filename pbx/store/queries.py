"""Reading history: how far the spool was taken in, call records, events of a call, bindings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Engine, Row, Select, and_, func, select

from pbx.cdr import Cdr, LegRecord
from pbx.events import Envelope, RegistrationChanged, decode
from pbx.spool import Position
from pbx.store.tables import BINDINGS, BOOTS, CALLS, EVENTS, LEGS, META


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far the spool was taken in: place and number behind the last event, and its time.

    No call open at that point began before event `floor_seq`.
    """

    position: Position
    seq: int
    floor_seq: int
    last_at_ns: int
    boot: str | None
    node: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which call records: newest first, `before` is the call id to go on behind; None = any."""

    limit: int = 100
    tenant: str | None = None
    before: str | None = None
    call: str | None = None


class HistoryReader:
    """One connection for reading the history tables."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()

    def close(self) -> None:
        """Close the connection, rolling back what was not committed."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def state(self) -> LogState:
        """How far the spool was taken in; all zero for a new database."""
        meta = {row.key: row.value for row in self._rows(select(META.c.key, META.c.value))}
        boot = self._rows(select(BOOTS).order_by(BOOTS.c.seq.desc()).limit(1))
        return LogState(
            position=Position.parse(meta.get("spool_position", "0:0")),
            seq=int(meta.get("spool_seq", "0")),
            floor_seq=int(meta.get("floor_seq", "0")),
            last_at_ns=int(meta.get("last_at_ns", "0")),
            boot=boot[0].boot if boot else None,
            node=boot[0].node if boot else None,
        )

    def unrecorded_calls(self, floor_seq: int) -> list[str]:
        """Calls with events at or behind `floor_seq` and no record yet, oldest first."""
        recorded = select(CALLS.c.call_id).where(CALLS.c.call_id == EVENTS.c.call).exists()
        query = (
            select(EVENTS.c.call)
            .where(and_(EVENTS.c.seq >= floor_seq, EVENTS.c.call.is_not(None), ~recorded))
            .group_by(EVENTS.c.call)
            .order_by(func.min(EVENTS.c.seq))
        )
        return [row.call for row in self._rows(query)]

    def call_events(self, call: str) -> list[Envelope]:
        """All events of a call in order of their numbers."""
        return [decode(payload) for payload in self.call_payloads(call)]

    def call_payloads(self, call: str) -> list[bytes]:
        """The same as they are stored."""
        query = select(EVENTS.c.payload).where(EVENTS.c.call == call).order_by(EVENTS.c.seq)
        return [row.payload for row in self._rows(query)]

    def find_calls(self, prefix: str, limit: int) -> list[str]:
        """Ids of calls that begin so, newest first, whether they are over or not."""
        # "[" follows "Z", the last letter of an id.
        begins = and_(EVENTS.c.call >= prefix, EVENTS.c.call < f"{prefix}[")
        query = select(EVENTS.c.call).distinct().where(begins).order_by(EVENTS.c.call.desc()).limit(limit)
        return [row.call for row in self._rows(query)]

    def boot_before(self, seq: int) -> str | None:
        """Name of the node whose start is the last before event `seq`."""
        query = select(BOOTS.c.node).where(BOOTS.c.seq < seq).order_by(BOOTS.c.seq.desc()).limit(1)
        rows = self._rows(query)
        return rows[0].node if rows else None

    def lost_at(self, seq: int) -> int | None:
        """Last time known (UTC ns) of the server run that event `seq` belongs to; None: it still runs."""
        query = select(BOOTS.c.previous_at_ns).where(BOOTS.c.seq > seq).order_by(BOOTS.c.seq).limit(1)
        rows = self._rows(query)
        return int(rows[0].previous_at_ns) if rows else None

    def cdrs(self, query: CallQuery) -> list[Cdr]:
        """Call records with their legs, newest first."""
        rows = self._calls(query)
        legs: dict[str, list[LegRecord]] = {row.call_id: [] for row in rows}
        for leg in self._legs(legs):
            legs[leg.call_id].append(leg)
        return [Cdr(**row._mapping, legs=tuple(legs[row.call_id])) for row in rows]

    def ended_calls(self, query: CallQuery) -> list[tuple[Row[Any], list[Row[Any]]]]:
        """The same as rows, each with those of its legs: a list shows little of them."""
        rows = self._calls(query)
        legs: dict[str, list[Row[Any]]] = {row.call_id: [] for row in rows}
        for leg in self._leg_rows(legs):
            legs[leg.call_id].append(leg)
        return [(row, legs[row.call_id]) for row in rows]

    def _calls(self, query: CallQuery) -> Sequence[Row[Any]]:
        statement = select(CALLS).order_by(CALLS.c.call_id.desc()).limit(query.limit)
        if query.tenant is not None:
            statement = statement.where(CALLS.c.tenant == query.tenant)
        if query.before is not None:
            statement = statement.where(CALLS.c.call_id < query.before)
        if query.call is not None:
            statement = statement.where(CALLS.c.call_id == query.call)
        return self._rows(statement)

    def _legs(self, calls: Iterable[str]) -> list[LegRecord]:
        return [LegRecord(**row._mapping) for row in self._leg_rows(calls)]

    def _leg_rows(self, calls: Iterable[str]) -> list[Row[Any]]:
        ids = list(calls)
        found: list[Row[Any]] = []
        for begin in range(0, len(ids), 500):  # SQLite allows a limited number of parameters
            chosen = LEGS.c.call_id.in_(ids[begin : begin + 500])
            query = select(LEGS).where(chosen).order_by(LEGS.c.call_id, LEGS.c.position)
            found += self._rows(query)
        return found

    def bindings(self, now_ns: int) -> list[RegistrationChanged]:
        """All bindings that hold at `now_ns` (UTC), each as its newest change."""
        query = select(BINDINGS.c.payload).where(BINDINGS.c.expires_at_ns > now_ns)
        events = (decode(row.payload).event for row in self._rows(query))
        return [event for event in events if isinstance(event, RegistrationChanged)]

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        if self._connection.in_transaction():
            return self._connection.execute(query).all()
        # Outside a batch each reading is a transaction of its own, so it holds no snapshot back.
        try:
            return self._connection.execute(query).all()
        finally:
            self._connection.rollback()

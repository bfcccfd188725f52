"""Writing history: events, call records and bindings in one transaction with the spool position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Engine, Table, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite

from pbx.cdr import Cdr, LegRecord
from pbx.events import NodeStarted, RegistrationChanged
from pbx.store.queries import HistoryReader, LogState
from pbx.store.tables import BINDINGS, BOOTS, CALLS, EVENTS, LEGS, META

_CALL_COLUMNS: Final = tuple(CALLS.c.keys())
_LEG_COLUMNS: Final = tuple(LEGS.c.keys())
_call_row: Final[Callable[[Cdr], tuple[Any, ...]]] = attrgetter(*_CALL_COLUMNS)
_leg_row: Final[Callable[[LegRecord], tuple[Any, ...]]] = attrgetter(*_LEG_COLUMNS)

EventRow = tuple[int, str | None, int, int, bytes]
BindingKey = tuple[str, str, str]
BindingRow = tuple[str, str, str, int, bytes]


def binding_key(event: RegistrationChanged) -> BindingKey:
    """What a binding replaces: the same flow of the same instance (RFC 5626 §6), else the same contact."""
    if event.instance is not None and event.reg_id is not None:
        return event.tenant, event.device, f"{event.instance};{event.reg_id}"
    return event.tenant, event.device, event.contact


class History(HistoryReader):
    """The one writing connection to the history tables; `begin` ... `commit` make one transaction."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        dialect = engine.dialect
        self._postgresql = dialect.name == "postgresql"
        insert: Callable[[Table], Any] = postgresql.insert if self._postgresql else sqlite.insert

        def sql(statement: Any) -> str:
            return str(statement.compile(dialect=dialect))

        def upsert(table: Table) -> str:
            base = insert(table)
            keys = [column.name for column in table.primary_key]
            names = table.c.keys()
            rest = {name: base.excluded[name] for name in names if name not in keys}
            return sql(base.on_conflict_do_update(index_elements=keys, set_=rest))

        # Compiled once: a batch is then one executemany of the driver.
        self._insert_event = sql(insert(EVENTS).on_conflict_do_nothing())
        self._insert_boot = sql(insert(BOOTS).on_conflict_do_nothing())
        self._put_call = upsert(CALLS)
        self._put_leg = upsert(LEGS)
        self._put_binding = upsert(BINDINGS)
        self._put_meta = upsert(META)
        names = ("tenant", "device", "binding")
        self._delete_binding = sql(delete(BINDINGS).where(*(BINDINGS.c[name] == bindparam(name) for name in names)))

    def begin(self) -> None:
        """Begin a transaction; raises sqlalchemy.exc.OperationalError when the file is locked."""
        self._connection.begin()

    def commit(self) -> None:
        """Commit it; raises sqlalchemy.exc.OperationalError when the disk is full."""
        self._connection.commit()

    def rollback(self) -> None:
        """Undo everything since `begin`."""
        self._connection.rollback()

    def checkpoint(self) -> None:
        """Bring all commits to the disk for certain (not inside a transaction)."""
        if self._postgresql:  # each commit is (synchronous_commit is on unless somebody turned it off)
            return
        raw = self._connection.connection.cursor()
        raw.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        raw.close()

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """Insert events `(seq, call, code, at_ns, payload)`; numbers already there are left alone."""
        self._many(self._insert_event, rows)

    def add_boot(self, seq: int, event: NodeStarted, at_ns: int, previous_at_ns: int) -> None:
        """Remember a start of the server; `previous_at_ns` is the time of the event before it."""
        self._many(self._insert_boot, [(seq, event.node, event.boot, event.version, at_ns, previous_at_ns)])

    def put_cdrs(self, cdrs: Sequence[Cdr]) -> None:
        """Insert or replace call records with their legs."""
        self._many(self._put_call, [_call_row(cdr) for cdr in cdrs])
        self._many(self._put_leg, [_leg_row(leg) for cdr in cdrs for leg in cdr.legs])

    def put_bindings(self, rows: Sequence[BindingRow], gone: Sequence[BindingKey]) -> None:
        """Insert or replace bindings `(tenant, device, binding, expires_at_ns, payload)`, delete others."""
        self._many(self._delete_binding, gone)
        self._many(self._put_binding, rows)

    def put_state(self, state: LogState) -> None:
        """Remember how far the spool was taken in."""
        rows = [
            ("spool_position", str(state.position)),
            ("spool_seq", str(state.seq)),
            ("floor_seq", str(state.floor_seq)),
            ("last_at_ns", str(state.last_at_ns)),
        ]
        self._many(self._put_meta, rows)

    def forget_bindings(self, before_ns: int) -> None:
        """Delete bindings that ran out before `before_ns`; inside a transaction."""
        self._connection.execute(delete(BINDINGS).where(BINDINGS.c.expires_at_ns <= before_ns))

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._connection.exec_driver_sql(statement, _without_nul(rows) if self._postgresql else list(rows))


def _without_nul(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """PostgreSQL has no place for NUL in text, and a peer may send one."""
    return [tuple(one.replace("\0", "") if type(one) is str else one for one in row) for row in rows]

"""Recordings in the database: one row for each audio file, written once however often the making is begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Engine, delete, insert, select

from pbx.recording_row import RecordingRow
from pbx.store.tables import CALLS, RECORDINGS

_AT_ONCE: Final = 500


class RecordingStore:
    """Each call is a transaction of its own; raises sqlalchemy.exc.OperationalError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writes=True)

    def owners(self, call_ids: Sequence[str]) -> dict[str, str]:
        """The tenants of those calls that are over: of the others there is no record yet."""
        found: dict[str, str] = {}
        with self._engine.connect() as connection:
            for at in range(0, len(call_ids), _AT_ONCE):
                wanted = CALLS.c.call_id.in_(call_ids[at : at + _AT_ONCE])
                rows = connection.execute(select(CALLS.c.call_id, CALLS.c.tenant).where(wanted))
                found.update((row.call_id, row.tenant) for row in rows)
        return found

    def put(self, row: RecordingRow) -> None:
        """Write a row, in place of what a killed process may have written."""
        values = {name: getattr(row, name) for name in RecordingRow.__slots__}
        with self._writing.begin() as connection:
            connection.execute(delete(RECORDINGS).where(RECORDINGS.c.id == row.id))
            connection.execute(insert(RECORDINGS), values)

    def find(self, ident: str) -> RecordingRow | None:
        """One row."""
        with self._engine.connect() as connection:
            found = connection.execute(select(RECORDINGS).where(RECORDINGS.c.id == ident)).first()
        return None if found is None else RecordingRow(**found._mapping)

    def page(self, *, tenant: str | None, call: str | None, before: str | None, limit: int) -> list[RecordingRow]:
        """Rows by their ids (which begin with the call's, so by time), the newest first, behind `before`."""
        query = select(RECORDINGS).order_by(RECORDINGS.c.id.desc()).limit(limit)
        if tenant is not None:
            query = query.where(RECORDINGS.c.tenant == tenant)
        if call is not None:
            query = query.where(RECORDINGS.c.call_id == call)
        if before is not None:
            query = query.where(RECORDINGS.c.id < before)
        with self._engine.connect() as connection:
            return [RecordingRow(**row._mapping) for row in connection.execute(query)]

    def older(self, before_ms: int, limit: int) -> list[RecordingRow]:
        """Rows of recordings that began before a time."""
        query = select(RECORDINGS).where(RECORDINGS.c.began_at_ms < before_ms).limit(limit)
        with self._engine.connect() as connection:
            return [RecordingRow(**row._mapping) for row in connection.execute(query)]

    def remove(self, ident: str) -> bool:
        """Delete a row; whether there was one."""
        with self._writing.begin() as connection:
            done: Any = connection.execute(delete(RECORDINGS).where(RECORDINGS.c.id == ident))
        return bool(done.rowcount)

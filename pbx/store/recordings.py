"""Recordings in the database: one row for each audio file, written once however often the making is begun anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, delete, insert, select

from pbx.recording_row import RecordingRow
from pbx.store.tables import CALLS, RECORDINGS


class RecordingStore:
    """Each call is a transaction of its own; raises sqlalchemy.exc.OperationalError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writes=True)

    def owner(self, call_id: str) -> str | None:
        """The tenant of a call that is over, None while there is no record of it."""
        with self._engine.connect() as connection:
            return connection.execute(select(CALLS.c.tenant).where(CALLS.c.call_id == call_id)).scalar()

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

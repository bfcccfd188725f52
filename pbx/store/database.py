"""Opening the database: SQLite in WAL mode, with the tables and columns made when missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateColumn

from pbx.store.tables import METADATA

# synchronous=NORMAL: a power cut may take the last commits but never damages the file. A commit holds the
# spool position together with the rows, so what was taken is read from the spool again.
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=10000",
    "PRAGMA cache_size=-16384",
    "PRAGMA wal_autocheckpoint=4000",
)


class StoreError(Exception):
    """The database cannot be opened or does not belong to this spool; the text says what to do."""


def open_engine(path: Path) -> Engine:
    """Engine on the SQLite file `path`, made with all tables when missing.

    Raises StoreError when the file is no database or cannot be written.
    """
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, see on_begin
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Who called whom is for the server alone; SQLite gives its other files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        METADATA.create_all(engine)
        _add_columns(engine)
    except (OSError, SQLAlchemyError) as error:
        engine.dispose()
        raise StoreError(f"database {path}: {error}; move it away or restore a backup") from error
    return engine


def _add_columns(engine: Engine) -> None:
    """Add the columns that a database of an earlier release lacks; all of them are nullable or have a default."""
    with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            known = {column["name"] for column in inspect(connection).get_columns(table.name)}
            for column in table.columns:
                if column.name not in known:
                    clause = CreateColumn(column).compile(dialect=engine.dialect)
                    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {clause}")

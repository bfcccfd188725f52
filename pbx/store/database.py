"""Opening the database: SQLite in WAL mode or PostgreSQL, brought up to this release by its migrations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

HEAD: Final = "0006"
"""The revision of the last migration: a database that has it is not looked at further."""

# synchronous=NORMAL: a power cut may take the last commits but never damages the file. A commit holds the
# spool position together with the rows, so what was taken is read from the spool again.
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=10000",
    "PRAGMA cache_size=-16384",
    "PRAGMA wal_autocheckpoint=4000",
)
_CONNECT_S: Final = 5
_MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
# Two servers of one PostgreSQL database that start together take turns; the number means nothing.
_TURN: Final = 5_060_220_133


class StoreError(Exception):
    """The database cannot be opened or does not belong to this spool; the text says what to do."""


class StoreAway(StoreError):
    """The database server cannot be reached at the moment; the same call may succeed later."""


def open_store(path: Path, url: str | None) -> Engine:
    """Engine on the PostgreSQL database `url`, or where there is none on the SQLite file `path`.

    Raises StoreError, StoreAway where trying again may help.
    """
    return open_engine(path) if url is None else open_postgresql(url)


def open_engine(path: Path) -> Engine:
    """Engine on the SQLite file `path`, made with all tables when missing.

    Raises StoreError when the file is no database, cannot be written or is of a later release.
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
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Who called whom is for the server alone; SQLite gives its other files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _migrate(engine)
    except (OSError, SQLAlchemyError) as error:
        engine.dispose()
        raise StoreError(f"database {path}: {error}; move it away or restore a backup") from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def open_postgresql(url: str) -> Engine:
    """Engine on a PostgreSQL database (`postgresql://user:password@host:port/name`), its tables made when missing.

    Raises StoreError; StoreAway when the server cannot be reached. Neither shows the password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("data.database_url is not a URL like postgresql://user:password@host:5432/name") from None
    parsed = parsed.set(drivername="postgresql+psycopg")
    shown = parsed.render_as_string(hide_password=True)
    engine = create_engine(
        parsed,
        # Positional parameters: a batch of rows is one executemany of the driver.
        paramstyle="format",
        poolclass=NullPool,
        connect_args={"connect_timeout": _CONNECT_S, "application_name": "cordboard"},
    )
    try:
        _migrate(engine)
    except OperationalError as error:
        engine.dispose()
        raise StoreAway(f"database {shown} cannot be reached: {_first_line(error.orig)}") from error
    except SQLAlchemyError as error:
        engine.dispose()
        raise StoreError(f"database {shown}: {_first_line(error)}") from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def _migrate(engine: Engine) -> None:
    """Run the migrations that the database lacks, in one transaction."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
        if _revision(connection) != HEAD:
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _upgrade(connection: Connection) -> None:
    # Takes a fifth of a second to import, and is seldom needed.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the database is of a later release than this server ({error}); start that one, or restore a backup"
        ) from error


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]

"""The floor of event numbers: a new spool beside an old database goes on where that ends."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from pbx.spool.segment import SpoolError, list_segments


def last_seq(path: Path) -> int:
    """Number of the last event in the database file `path`, 0 when there is none: the floor for a new spool.

    Raises SpoolError when the file cannot be read.
    """
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            with suppress(sqlite3.OperationalError):  # no tables yet
                row = connection.execute("SELECT max(seq) FROM events").fetchone()
                return int(row[0] or 0)
            return 0
    except sqlite3.Error as error:
        raise SpoolError(f"database {path}: {error}; move it away or restore a backup") from error


def last_seq_at(url: str, spool: Path) -> int:
    """The same for a PostgreSQL database, which is only asked where `spool` is new: else the spool knows best.

    Raises SpoolError, ConnectionRefusedError when the database cannot be reached.
    """
    if list_segments(spool):
        return 0
    import psycopg  # a server with SQLite does without

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            with suppress(psycopg.errors.UndefinedTable):
                row = connection.execute("SELECT max(seq) FROM events").fetchone()
                return int(row[0] or 0) if row is not None else 0
            return 0
    except psycopg.OperationalError as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"the database cannot be reached: {reason}") from error
    except psycopg.Error as error:
        raise SpoolError(f"the database cannot be read: {str(error).strip()}") from error

"""The floor of event numbers: a new spool beside an old database goes on where that ends."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from pbx.spool.segment import SpoolError


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

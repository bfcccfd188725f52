"""API memory: what the HTTP API knows over a restart: answers to give again, and when tokens were last used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Table, delete, insert, select

from pbx.store.tables import ANSWERS, TOKEN_USES

KEEP_MS: Final = 86_400_000
MOST_ANSWERS: Final = 10_000
MOST_TOKENS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer by who asked and by key; `digest` is that of the request, `at_ms` UTC."""

    who: str
    key: str
    digest: str
    at_ms: int
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ApiMemory:
    """Each call is a transaction of its own; raises sqlalchemy.exc.OperationalError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writes=True)

    def answer(self, who: str, key: str, now_ms: int) -> StoredAnswer | None:
        """The answer that was given within the last day."""
        fresh = ANSWERS.c.at_ms > now_ms - KEEP_MS
        query = select(ANSWERS).where(ANSWERS.c.who == who, ANSWERS.c.key == key, fresh)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        headers = tuple((name, value) for name, value in json.loads(row.headers))
        return StoredAnswer(**{**row._mapping, "headers": headers})

    def keep(self, answer: StoredAnswer) -> None:
        """Keep an answer; those of another day go, and the oldest where they become too many."""
        row = {name: getattr(answer, name) for name in StoredAnswer.__slots__}
        with self._writing.begin() as connection:
            connection.execute(delete(ANSWERS).where(ANSWERS.c.at_ms <= answer.at_ms - KEEP_MS))
            connection.execute(delete(ANSWERS).where(ANSWERS.c.who == answer.who, ANSWERS.c.key == answer.key))
            connection.execute(insert(ANSWERS), {**row, "headers": json.dumps(answer.headers)})
            _cut(connection, ANSWERS, MOST_ANSWERS)

    def uses(self) -> dict[str, int]:
        """When tokens were last used (UTC milliseconds), by id."""
        with self._engine.connect() as connection:
            return {row.token: row.at_ms for row in connection.execute(select(TOKEN_USES))}

    def note_uses(self, uses: Mapping[str, int]) -> None:
        """Remember the last use of some tokens."""
        if not uses:
            return
        rows = [{"token": token, "at_ms": at_ms} for token, at_ms in uses.items()]
        with self._writing.begin() as connection:
            connection.execute(delete(TOKEN_USES).where(TOKEN_USES.c.token.in_(list(uses))))
            connection.execute(insert(TOKEN_USES), rows)
            _cut(connection, TOKEN_USES, MOST_TOKENS)


def _cut(connection: Connection, table: Table, most: int) -> None:
    """Delete the oldest rows beyond so many."""
    oldest = select(table.c.at_ms).order_by(table.c.at_ms.desc()).offset(most).limit(1).scalar_subquery()
    connection.execute(delete(table).where(table.c.at_ms <= oldest))

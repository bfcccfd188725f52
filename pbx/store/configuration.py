"""The stored configuration: rows of objects, their history, and the files that the server was started with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from pbx.config_object import ObjectKey
from pbx.store.tables import APPLIED, CONFIGURATION, VERSIONS

Json = dict[str, Any]
KEPT_VERSIONS: Final = 50
"""How many versions can be restored; the older keep their line in the history, not what they undo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """A row as it is stored; `deleted_at_ms` None: it lives."""

    id: str
    kind: str
    tenant: str
    key: str
    revision: int
    body: Json
    created_at_ms: int
    created_by: str
    updated_at_ms: int
    updated_by: str
    deleted_at_ms: int | None = None

    @property
    def name(self) -> ObjectKey:
        """What names it."""
        return ObjectKey(self.kind, self.tenant, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version; `undo` maps every object that it touched to its body before, None where there was none."""

    number: int
    at_ms: int
    by: str
    summary: str
    change_id: str
    undo: dict[ObjectKey, Json | None] | None


class ConfigurationStore:
    """One connection to the stored configuration; raises sqlalchemy.exc.OperationalError when it is away."""

    def __init__(self, engine: Engine) -> None:
        self._connection: Connection = engine.connect().execution_options(writes=True)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nobody else changes the configuration meanwhile."""
        with self._connection.begin():
            if self._connection.dialect.name == "postgresql":
                self._connection.exec_driver_sql("LOCK TABLE configuration_versions IN EXCLUSIVE MODE")
            yield

    def latest(self) -> int:
        """Number of the version in force, 0 for none."""
        return int(self._connection.execute(select(func.coalesce(func.max(VERSIONS.c.number), 0))).scalar_one())

    def living(self) -> list[ObjectRow]:
        """All objects, in no particular order."""
        query = select(CONFIGURATION).where(CONFIGURATION.c.deleted_at_ms.is_(None))
        return [_row(one._mapping) for one in self._connection.execute(query)]

    def deleted_since(self, version: int) -> list[ObjectKey]:
        """What was deleted after `version`, even if it was made anew since."""
        table = CONFIGURATION
        query = select(table.c.kind, table.c.tenant, table.c.key).where(
            table.c.deleted_at_ms.is_not(None), table.c.revision > version
        )
        return [ObjectKey(*one) for one in self._connection.execute(query)]

    def write(self, rows: Sequence[ObjectRow], known: Iterable[ObjectKey]) -> None:
        """Insert objects; those in `known` live already and are changed instead."""
        living = set(known)
        fresh = [_values(row) for row in rows if row.name not in living]
        changed = [
            {
                "row_id": row.id,
                "body": _text(row.body),
                "revision": row.revision,
                "updated_at_ms": row.updated_at_ms,
                "updated_by": row.updated_by,
            }
            for row in rows
            if row.name in living
        ]
        if fresh:
            self._connection.execute(insert(CONFIGURATION), fresh)
        if changed:
            columns = ("body", "revision", "updated_at_ms", "updated_by")
            statement = (
                update(CONFIGURATION)
                .where(CONFIGURATION.c.id == bindparam("row_id"))
                .values({name: bindparam(name) for name in columns})
            )
            self._connection.execute(statement, changed)

    def delete(self, rows: Sequence[ObjectRow], version: int, at_ms: int, by: str) -> None:
        """Mark objects as deleted; they stay as rows until `purge`."""
        if rows:
            statement = (
                update(CONFIGURATION)
                .where(CONFIGURATION.c.id == bindparam("row_id"))
                .values(deleted_at_ms=at_ms, revision=version, updated_at_ms=at_ms, updated_by=by)
            )
            self._connection.execute(statement, [{"row_id": row.id} for row in rows])

    def purge(self, before_ms: int) -> None:
        """Forget objects that were deleted before that time (UTC)."""
        self._connection.execute(delete(CONFIGURATION).where(CONFIGURATION.c.deleted_at_ms < before_ms))

    def add_version(self, row: VersionRow) -> None:
        """Write a version down; what versions undo that are too old to be restored is dropped."""
        self._connection.execute(
            insert(VERSIONS),
            {
                "number": row.number,
                "at_ms": row.at_ms,
                "by": row.by,
                "summary": row.summary,
                "change_id": row.change_id,
                "undo": _pack_undo(row.undo or {}),
            },
        )
        old = VERSIONS.c.number <= row.number - KEPT_VERSIONS
        self._connection.execute(update(VERSIONS).where(old, VERSIONS.c.undo.is_not(None)).values(undo=None))

    def version_of(self, change_id: str) -> int | None:
        """The version that a change made; None where it made none."""
        query = select(VERSIONS.c.number).where(VERSIONS.c.change_id == change_id)
        number = self._connection.execute(query).scalar()
        return None if number is None else int(number)

    def versions(self, limit: int) -> list[VersionRow]:
        """The history, newest first, without what it undoes; `undo` is {} where a version still can be undone."""
        table = VERSIONS
        query = (
            select(
                table.c.number, table.c.at_ms, table.c.by, table.c.summary, table.c.change_id,
                table.c.undo.is_not(None).label("undo"),
            )
            .order_by(table.c.number.desc())
            .limit(limit)
        )  # fmt: skip
        return [
            VersionRow(**{**one._mapping, "undo": {} if one.undo else None}) for one in self._connection.execute(query)
        ]

    def undo(self, number: int) -> list[dict[ObjectKey, Json | None] | None]:
        """What the versions after `number` undo, newest first; None where that is dropped already."""
        query = select(VERSIONS.c.undo).where(VERSIONS.c.number > number).order_by(VERSIONS.c.number.desc())
        return [None if one.undo is None else _unpack_undo(one.undo) for one in self._connection.execute(query)]

    def applied(self) -> dict[str, str]:
        """SHA-256 by name of the files that the server was last started with."""
        query = select(APPLIED.c.name, APPLIED.c.sha256)
        return {one.name: one.sha256 for one in self._connection.execute(query)}

    def remember_applied(self, files: Iterable[tuple[str, str]], at_ms: int) -> None:
        """Remember files `(name, sha256)`."""
        for name, sha256 in files:
            self._connection.execute(delete(APPLIED).where(APPLIED.c.name == name))
            self._connection.execute(insert(APPLIED), {"name": name, "sha256": sha256, "at_ms": at_ms})

    def end_reading(self) -> None:
        """Let go of what was read, so that no snapshot is held."""
        self._connection.rollback()


def _row(values: Any) -> ObjectRow:
    return ObjectRow(**{**values, "body": json.loads(values["body"])})


def _values(row: ObjectRow) -> Json:
    names = ("id", "kind", "tenant", "key", "revision", "created_at_ms", "created_by", "updated_at_ms", "updated_by")
    return {**{name: getattr(row, name) for name in names}, "body": _text(row.body), "deleted_at_ms": None}


def _text(body: Json) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _pack_undo(undo: dict[ObjectKey, Json | None]) -> bytes:
    rows = [[*key, body] for key, body in undo.items()]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)


def _unpack_undo(data: bytes) -> dict[ObjectKey, Json | None]:
    return {ObjectKey(kind, tenant, key): body for kind, tenant, key, body in json.loads(zlib.decompress(data))}

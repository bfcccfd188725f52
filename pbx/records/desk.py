"""Desk: what `control` may ask of the configuration: changes one after the other, reads beside them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from pbx.config_object import Deletion, Filter, ObjectKey, Upsert, outcome_row, record_of, row_of
from pbx.records.configurator import Configurator
from pbx.records.documents import apply_files, apply_texts, check_texts
from pbx.records.listing import KeyPage, ListingError, Query, page_of
from pbx.records.plan import Author, plan_of
from pbx.records.state import State
from pbx.records.told import read_documents, tell, tell_check, tell_refusal
from pbx.schema.export import export
from pbx.schema.kind import owner_of
from pbx.schema.references import users_of
from pbx.store.configuration import ConfigurationStore
from pbx.ulid import UlidFactory

Row = Sequence[Any]


class Desk:
    """Answers by name; arguments and answers are plain data."""

    def __init__(self, engine: Engine) -> None:
        ids = UlidFactory(random.Random(secrets.randbits(128)))
        self._configurator = Configurator(lambda: ConfigurationStore(engine), _now_ms, lambda: ids.new(_now_ms()))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="configuration")
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="configuration-reading")

    async def answer(self, name: str, arguments: Sequence[Any]) -> Any:
        """The answer to a request. Raises StoreAway without the database, ValueError for a query that is none."""
        loop = asyncio.get_running_loop()
        read = _READS.get(name)
        if read is None:
            return await loop.run_in_executor(self._thread, lambda: _REQUESTS[name](self._configurator, *arguments))
        # A state is never changed: whoever reads one does not wait for a change that is being worked out.
        state = self._configurator.known
        if state is None:
            state = await loop.run_in_executor(self._thread, lambda: self._configurator.state)
        known = state
        return await loop.run_in_executor(self._reading, lambda: read(known, *arguments))

    def close(self) -> None:
        """Finish what is under way."""
        self._reading.shutdown()
        self._thread.submit(self._configurator.close)
        self._thread.shutdown()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _compiled(configurator: Configurator, since: int, offset: int, limit: int) -> list[Any]:
    # The process says who it is: slices of two different ones do not fit together.
    return [os.getpid(), *configurator.compiled(since, offset, limit)]


def _get(state: State, key: Row) -> list[Any] | None:
    found = state.stored(ObjectKey(*key))
    return None if found is None else row_of(found)


def _view(state: State, key: Row) -> list[Any] | None:
    name = ObjectKey(*key)
    if name not in state.rows:
        return None
    return [owner_of(name, state.objects[name]), state.rows[name].revision, state.view(name)]


def _list(state: State, query: Row, filters: Sequence[Row]) -> list[Any]:
    try:
        page = _page(state, query, filters)
    except ListingError as error:
        return [str(error)]
    objects = [state.stored(key) for key in page.keys]
    return [[row_of(one) for one in objects], page.cursor, page.total]


def _list_views(state: State, query: Row, filters: Sequence[Row]) -> bytes | str:
    try:
        page = _page(state, query, filters)
    except ListingError as error:
        return str(error)
    rows = b", ".join([state.view(key) or b"null" for key in page.keys])
    return b'{"items": [%b], "next": %b, "total": %d}' % (rows, json.dumps(page.cursor).encode(), page.total)


def _page(state: State, query: Row, filters: Sequence[Row]) -> KeyPage:
    kind, owner, sort, cursor, limit = query
    chosen = [record_of(Filter, one) for one in filters]
    return page_of(state, Query(kind=kind, owner=owner, sort=sort, cursor=cursor, limit=limit, filters=chosen))


def _change(
    configurator: Configurator, upserts: Sequence[Row], deletes: Sequence[Row], author: Row, dry_run: bool
) -> list[Any]:
    plan = plan_of([record_of(Upsert, one) for one in upserts], [record_of(Deletion, one) for one in deletes])
    return outcome_row(configurator.change(plan, record_of(Author, author), dry_run=dry_run))


def _apply(configurator: Configurator, body: bytes, author: Row, prune: bool, dry_run: bool) -> list[Any]:
    try:
        texts = read_documents(body)
    except ValueError as error:
        return [configurator.state.version, True, tell_refusal(str(error))]
    applied = apply_texts(configurator, texts, record_of(Author, author), prune=prune, dry_run=dry_run)
    return [applied.outcome.version, bool(applied.errors), tell(applied, dry_run=dry_run)]


def _check(configurator: Configurator, body: bytes) -> list[Any]:
    try:
        texts = read_documents(body)
    except ValueError as error:
        return [True, tell_refusal(str(error))]
    errors = check_texts(texts)
    return [bool(errors), tell_check(errors)]


def _apply_files(configurator: Configurator, paths: Sequence[str], author: Row) -> list[Any]:
    applied = apply_files(configurator, [Path(one) for one in paths], record_of(Author, author))
    errors = [[one.file, one.line, one.field, one.message, one.allowed] for one in applied.errors]
    return [outcome_row(applied.outcome), errors, list(applied.skipped)]


def _restore(configurator: Configurator, number: int, author: Row, dry_run: bool) -> list[Any] | str:
    try:
        plan = configurator.rollback_plan(number)
    except LookupError as error:
        return str(error)
    return outcome_row(configurator.change(plan, record_of(Author, author), dry_run=dry_run))


def _export(state: State, tenant: str | None) -> bytes | None:
    if tenant is not None and ObjectKey("tenant", "", tenant) not in state.objects:
        return None
    return export(state.objects, tenant).encode()


def _versions(configurator: Configurator, limit: int) -> list[Any]:
    return [row_of(one) for one in configurator.versions(limit)]


def _where_used(state: State, key: Row) -> list[Any]:
    target = ObjectKey(*key)
    return [list(one) for one in users_of(state.objects, {target}).get(target, [])]


_READS: Final[dict[str, Callable[..., Any]]] = {
    "export": _export,
    "get": _get,
    "list": _list,
    "list_views": _list_views,
    "view": _view,
    "where_used": _where_used,
}
_REQUESTS: Final[dict[str, Callable[..., Any]]] = {
    "apply": _apply,
    "apply_files": _apply_files,
    "change": _change,
    "check": _check,
    "compiled": _compiled,
    "restore": _restore,
    "versions": _versions,
}

"""Configuration client: how `control` reads and changes the configuration, and how changes come into force there.

Every change goes to `records`, which checks and stores it; what it compiles to comes back in slices between which the
loop is free, and is then swapped in at once. Who awaits a change may count on it with the next call.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from pbx.config_error import ConfigError
from pbx.config_object import (
    Applied,
    Deletion,
    Filter,
    ObjectKey,
    Outcome,
    Page,
    StoredObject,
    Upsert,
    Version,
    outcome_of,
    record_of,
    row_of,
)
from pbx.configuration import Configuration
from pbx.draft import DeviceKey, Swap
from pbx.records.client import RecordsClient

T = TypeVar("T")
SLICE = 50
"""Objects that are taken between two turns of the loop: about a millisecond."""
MANY = 1000
"""Objects swapped at once that are worth keeping out of the search for garbage."""
_log = logging.getLogger(__name__)


class QueryError(ValueError):
    """A query that cannot be answered, or a version that cannot be restored; the text says why."""


class View(NamedTuple):
    """An object as JSON, with the tenant that it belongs to (None: all share it) and its revision."""

    owner: str | None
    revision: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer to documents as JSON (`pbx.records.told`); `refused`: nothing was changed."""

    refused: bool
    answer: bytes


class ConfigurationClient:
    """Each request raises RecordsError where `records` cannot do it, for want of its database in particular.

    `drop` is told of devices that may not be registered any more, `settle` when very much is new. Changes are made one
    after the other.
    """

    def __init__(
        self,
        records: RecordsClient,
        configuration: Configuration,
        drop: Callable[[Sequence[DeviceKey]], None],
        settle: Callable[[], None],
    ) -> None:
        self._records = records
        self._configuration = configuration
        self._drop = drop
        self._settle = settle
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()
        self.version = 0
        """The version in force here."""

    async def load(self) -> None:
        """Take over everything that is stored and not in force here yet."""
        async with self._turn:
            await self._catch_up()

    async def get(self, kind: str, tenant: str, key: str) -> StoredObject | None:
        """An object; None where there is none. `tenant` is "" for kinds whose keys stand alone."""
        row = await self._records.configuration("get", [kind, tenant, key])
        return None if row is None else record_of(StoredObject, row)

    async def list(
        self,
        kind: str,
        tenant: str | None = None,
        *,
        filters: Sequence[Filter] = (),
        cursor: str | None = None,
        limit: int = 100,
        sort: str = "key",
    ) -> Page:
        """Objects of a kind that belong to a tenant (None: all). `sort` is a field, `-` in front turns it round.

        Raises QueryError.
        """
        found = await self._records.configuration(
            "list", [kind, tenant, sort, cursor, limit], [row_of(one) for one in filters]
        )
        if len(found) == 1:
            raise QueryError(found[0])
        rows, following, total = found
        return Page(objects=tuple(record_of(StoredObject, row) for row in rows), cursor=following, total=total)

    async def view(self, kind: str, tenant: str, key: str) -> View | None:
        """An object as the API shows it; None where there is none."""
        row = await self._records.configuration("view", [kind, tenant, key])
        return None if row is None else View(*row)

    async def list_views(
        self,
        kind: str,
        tenant: str | None = None,
        *,
        filters: Sequence[Filter] = (),
        cursor: str | None = None,
        limit: int = 100,
        sort: str = "key",
    ) -> bytes:
        """The same as `list` as the API shows it: the JSON `{"items": [...], "next": ..., "total": ...}`."""
        found = await self._records.configuration(
            "list_views", [kind, tenant, sort, cursor, limit], [row_of(one) for one in filters]
        )
        if isinstance(found, str):
            raise QueryError(found)
        return bytes(found)

    async def where_used(self, kind: str, tenant: str, key: str) -> tuple[ObjectKey, ...]:
        """Who refers to an object."""
        found = await self._records.configuration("where_used", [kind, tenant, key])
        return tuple(ObjectKey(*one) for one in found)

    async def versions(self, limit: int = 50) -> tuple[Version, ...]:
        """The history, newest first."""
        return tuple(record_of(Version, row) for row in await self._records.configuration("versions", limit))

    async def change(
        self,
        upserts: Sequence[Upsert] = (),
        deletes: Sequence[Deletion] = (),
        *,
        by: str,
        summary: str | None = None,
        dry_run: bool = False,
    ) -> Outcome:
        """All of it or nothing; the outcome says what is wrong, or what changed and is in force now."""
        wishes = [row_of(one) for one in upserts], [row_of(one) for one in deletes]

        async def made() -> Outcome:
            row = await self._records.configuration("change", *wishes, _author(by, summary), dry_run)
            return await self._in_force(outcome_of(row), dry_run)

        return await self._to_the_end(made)

    async def apply(self, body: bytes, *, by: str, prune: bool = False, dry_run: bool = False) -> Told:
        """Make what documents name what they say; `prune` deletes what they do not name.

        `body` is `pbx.records.told`'s JSON, read in `records` alone: a large one would stop the loop here.
        """

        async def made() -> Told:
            version, refused, answer = await self._records.configuration(
                "apply", body, _author(by, None), prune, dry_run
            )
            if not dry_run and version != self.version:
                await self._catch_up()
            return Told(refused=refused, answer=answer)

        return await self._to_the_end(made)

    async def check(self, body: bytes) -> Told:
        """What is wrong with documents, `body` as for `apply`, whatever is configured here."""
        refused, answer = await self._records.configuration("check", body)
        return Told(refused=refused, answer=answer)

    async def apply_files(self, paths: Sequence[str], *, by: str) -> Applied:
        """Apply those files that were not applied before with the content that they have."""
        async with self._turn:
            row, errors, skipped = await self._records.configuration("apply_files", list(paths), _author(by, None))
            return Applied(
                outcome=await self._in_force(outcome_of(row), False),
                errors=tuple(ConfigError(*one) for one in errors),
                skipped=tuple(skipped),
            )

    async def restore(self, number: int, *, by: str, dry_run: bool = False) -> Outcome:
        """Make a new version that says what version `number` said; tokens stay as they are. Raises QueryError."""
        author = _author(by, f"version {number} restored")

        async def made() -> Outcome:
            found = await self._records.configuration("restore", number, author, dry_run)
            if isinstance(found, str):
                raise QueryError(found)
            return await self._in_force(outcome_of(found), dry_run)

        return await self._to_the_end(made)

    async def export(self, tenant: str | None = None) -> bytes:
        """The configuration as a YAML document, UTF-8. Raises QueryError for a tenant that is not there."""
        found = await self._records.configuration("export", tenant)
        if found is None:
            raise QueryError(f"there is no tenant {tenant}")
        return bytes(found)

    async def _to_the_end(self, make: Callable[[], Awaitable[T]]) -> T:
        """Make a change in its turn. Who gives up waiting does not stop it: what is stored has to come into force."""

        async def in_turn() -> T:
            async with self._turn:
                return await make()

        task = asyncio.get_running_loop().create_task(in_turn(), name="configuration change")
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Where nobody waits any more, nobody hears of it either.
            task.exception()

    async def _in_force(self, outcome: Outcome, dry_run: bool) -> Outcome:
        if not dry_run and outcome.version != self.version:
            await self._catch_up()
        return outcome

    async def _catch_up(self) -> None:
        """Fetch what changed since our version, slice by slice, and swap it in when all is there."""
        while not await self._fetch():
            _log.warning("the configuration changed while it was being fetched; fetched again")

    async def _fetch(self) -> bool:
        """False where a newer version, or another records process, came in between."""
        draft = self._configuration.draft()
        offset = 0
        first: tuple[int, int, int] | None = None
        while True:
            *found, rows = await self._records.configuration("compiled", self.version, offset, SLICE)
            process, version, total = found
            if first not in (None, (process, version, total)):
                return False
            first = (process, version, total)
            for row in rows:
                draft.take(row)
            offset += len(rows)
            if offset >= total:
                break
        while draft.sift(SLICE):
            await _breathe()
        swap = draft.finish(str(version))
        self._configuration.swap(swap)
        self.version = version
        await self._clear_up(swap)
        return True

    async def _clear_up(self, swap: Swap) -> None:
        """What follows from a swap, in slices as well: registrations of devices that are gone, memory."""
        for begin in range(0, len(swap.gone), SLICE):
            self._drop(swap.gone[begin : begin + SLICE])
            await _breathe()
        if swap.objects > MANY:
            self._settle()
        while swap.former:
            del swap.former[-SLICE:]
            await _breathe()


async def _breathe() -> None:
    """Let the loop do everything else that is due."""
    await asyncio.sleep(0)


def _author(by: str, summary: str | None) -> list[str | None]:
    return [by, secrets.token_hex(12), summary]

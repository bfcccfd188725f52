"""Idempotency: a POST sent again with the same key is answered as it was the first time."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

import structlog

from admin_api.problem import Problem
from admin_api.running import RECORDS_S, Running
from pbx.config_object import record_of
from pbx.records.client import RecordsError
from pbx.store.api_memory import StoredAnswer

KEEP_S: Final = 86_400.0
MOST_ANSWERS: Final = 10_000
MOST_BYTES: Final = 32 << 20
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer as it was given; `digest` is that of the request. `status` 0: it is still being worked on."""

    at: float
    digest: str
    status: int = 0
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Answers:
    """Answers by who asked and by key, for a day; the oldest are dropped where they become too many.

    They are in memory, and in the database for those who ask again after a restart (`keep`, `recalled`).
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0

    def begin(self, who: str, key: str, digest: str, now: float) -> Kept | None:
        """The answer to give again; None: the request is to be served, and then `end` or `drop` be called.

        Raises Problem: 400 an unusable key, 409 the first one is under way, 422 the key was used for another request.
        """
        if _KEY.fullmatch(key) is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "Idempotency-Key: 1-128 visible ASCII characters are allowed")
        self._forget(now)
        known = self._kept.get((who, key))
        if known is None:
            self._put((who, key), Kept(at=now, digest=digest))
            return None
        if known.digest != digest:
            raise _another()
        if not known.status:
            raise Problem(HTTPStatus.CONFLICT, "the first request with this Idempotency-Key is still being served")
        return known

    def recall(self, who: str, key: str, digest: str, now: float, stored: StoredAnswer | None) -> Kept | None:
        """An answer of before a restart, kept in memory from now on. Raises Problem as `begin` does."""
        if stored is None:
            return None
        if stored.digest != digest:
            raise _another()
        known = Kept(at=now, digest=digest, status=stored.status, body=stored.body, headers=stored.headers)
        self.end(who, key, known)
        return known

    def end(self, who: str, key: str, answer: Kept) -> None:
        """Keep the answer."""
        if (who, key) in self._kept:
            self._take((who, key))
        self._put((who, key), answer)

    def drop(self, who: str, key: str) -> None:
        """Nothing was done: the key is free again."""
        if (who, key) in self._kept:
            self._take((who, key))

    def _put(self, name: tuple[str, str], kept: Kept) -> None:
        self._kept[name] = kept
        self._bytes += len(kept.body)

    def _take(self, name: tuple[str, str]) -> None:
        self._bytes -= len(self._kept.pop(name).body)

    def _forget(self, now: float) -> None:
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            crowded = len(self._kept) >= MOST_ANSWERS or self._bytes > MOST_BYTES
            if now - oldest.at < KEEP_S and not crowded:
                return
            self._take(name)


def _another() -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency-Key was used for another request: take a new one")


async def recalled(running: Running, who: str, key: str) -> StoredAnswer | None:
    """What the database holds; None too where it is away: then it takes no change either."""
    try:
        async with asyncio.timeout(RECORDS_S):
            row = await running.records.kept_answer(who, key)
    except (RecordsError, TimeoutError):
        return None
    if row is None:
        return None
    found = record_of(StoredAnswer, row)
    return replace(found, headers=tuple((name, value) for name, value in found.headers))


async def keep(running: Running, who: str, key: str, given: Kept) -> None:
    """Write an answer down before it is given; where that cannot be, it is in memory alone."""
    at_ms = running.clock.wall_ns() // 1_000_000
    row = (who, key, given.digest, at_ms, given.status, given.headers, given.body)
    try:
        async with asyncio.timeout(RECORDS_S):
            await running.records.keep_answer(row)
    except (RecordsError, TimeoutError) as error:
        structlog.get_logger("admin_api").warning("an answer is not kept over a restart", key=key, why=str(error))

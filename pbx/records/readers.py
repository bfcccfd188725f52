"""Readers: history is read in threads of their own, each over a connection that stays open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from pbx.store import StoreAway
from pbx.store.search import HistorySearch

T = TypeVar("T")
THREADS: Final = 2
"""One slow search leaves the other to quick ones."""


class Readers:
    """Asks history. A connection that breaks, as when the database was started anew, is opened once more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="history")
        self._own = threading.local()
        self._open: list[HistorySearch] = []

    async def ask(self, question: Callable[[HistorySearch], T]) -> T:
        """The answer to a question. Raises StoreAway where the database does not answer."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)

    def close(self) -> None:
        """Finish what is under way and close all connections."""
        self._threads.shutdown()
        for one in self._open:
            with suppress(OperationalError):
                one.close()
        self._open.clear()

    def _answer(self, question: Callable[[HistorySearch], T]) -> T:
        known: HistorySearch | None = getattr(self._own, "history", None)
        try:
            if known is not None:
                try:
                    return question(known)
                except OperationalError:
                    self._forget(known)
            fresh = HistorySearch(self._engine)
            self._own.history = fresh
            self._open.append(fresh)
            try:
                return question(fresh)
            except OperationalError:
                self._forget(fresh)
                raise
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise StoreAway(
                f"the database does not answer ({reason}): history cannot be read; calls go on and are recorded; "
                "try again when it is back"
            ) from error

    def _forget(self, broken: HistorySearch) -> None:
        self._own.history = None
        self._open.remove(broken)
        # One that is broken cannot be closed in order.
        with suppress(OperationalError):
            broken.close()

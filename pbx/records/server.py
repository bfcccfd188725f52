"""Inside the records process: take in the spool, answer requests, end with `control`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from pbx.config_object import record_of, row_of
from pbx.events import encode
from pbx.records.cdr_view import cdr_page, ended_page
from pbx.records.explain import explain
from pbx.records.frames import FrameError, pack_frame, read_frame
from pbx.records.ingest import Ingest, IngestError
from pbx.records.messages import RecordsStatus, cdr_to_wire
from pbx.records.readers import Readers
from pbx.records.recordings import Recordings
from pbx.store import CallQuery, History, StoreAway
from pbx.store.api_memory import ApiMemory, StoredAnswer
from pbx.store.recordings import RecordingStore
from pbx.store.search import CdrSearch, EventSearch, HistorySearch

if TYPE_CHECKING:
    from pbx.records.desk import Desk
    from pbx.records.studio import Studio

T = TypeVar("T")
# Bindings are promised to be written within 1 s; larger batches cost less.
_POLL_S: Final = 0.5
_CATCH_UP_POLL_S: Final = 0.01
_MAX_BACKOFF_S: Final = 10.0
_STALE_S: Final = 0.1
"""By how much lists of history may be behind: each look shall not cost a batch of its own."""
_log = logging.getLogger(__name__)


class RecordsServer:
    """Serves one `control` over `reader` and `writer` until it closes the channel."""

    def __init__(
        self,
        engine: Engine,
        spool: Path,
        trace: Path,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        now_ns: Callable[[], int] = time.time_ns,
        recordings: Path | None = None,
    ) -> None:
        self._engine = engine
        self._history = History(engine)
        self._ingest = Ingest(self._history, spool)
        self._trace = trace
        self._reader = reader
        self._writer = writer
        self._now_ns = now_ns
        self._error: str | None = None
        self._retry_at_s = 0.0
        self._backoff_s = 0.0
        self._empty_at_s = -_STALE_S
        """When the spool was last seen to be empty (monotonic)."""
        self._readers = Readers(engine)
        self._memory = ApiMemory(engine)
        # Of its own, so that requests are answered while a batch is written.
        self._intake = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._recordings = Recordings(
            RecordingStore(engine), recordings or spool.parent / "recordings", self._in_intake
        )
        self._desk: Desk | None = None
        self._studio: Studio | None = None

    async def run(self) -> None:
        """Serve until the channel closes; then take in the rest of the spool and return."""
        pump = asyncio.create_task(self._pump(), name="records-pump")
        pump.add_done_callback(self._pump_ended)
        recordings = asyncio.create_task(self._recordings.run(), name="records-recordings")
        recordings.add_done_callback(self._pump_ended)
        answers: set[asyncio.Task[None]] = set()
        try:
            while (message := await read_frame(self._reader)) is not None:
                task = asyncio.create_task(self._answer(message), name="records-answer")
                answers.add(task)
                task.add_done_callback(answers.discard)
        except FrameError as error:
            _log.error("channel from control: %s", error)
        finally:
            for task in (pump, recordings, *answers):
                task.cancel()
            await asyncio.gather(pump, recordings, *answers, return_exceptions=True)
            self._intake.shutdown()
            self._readers.close()
            self._retry_at_s = 0.0
            while self._step():
                pass
            self._ingest.close()
            self._history.close()
            if self._desk is not None:
                self._desk.close()
            self._writer.close()

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        """A task that failed ends the process: `control` starts another one."""
        if not pump.cancelled() and (error := pump.exception()) is not None:
            _log.error("taking in the spool failed", exc_info=error)
            self._reader.feed_eof()

    async def _pump(self) -> None:
        while True:
            await self._step_all()
            await asyncio.sleep(_POLL_S)

    async def _step_all(self, stale_s: float = 0.0) -> None:
        """Take in all that the spool has; not where that was done within `stale_s`."""
        if stale_s and time.monotonic() - self._empty_at_s < stale_s:
            return
        while await self._in_intake(self._step):
            pass

    async def _in_intake(self, work: Callable[[], T]) -> T:
        """Do something in the one thread that writes history; requests are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._intake, work)

    def _step(self) -> int:
        """One batch from the spool; 0 when there is nothing or the database refuses for now."""
        began_s = time.monotonic()
        if began_s < self._retry_at_s:
            return 0
        try:
            count = self._ingest.step(self._now_ns())
        except (IngestError, OSError) as error:
            self._backoff_s = min(_MAX_BACKOFF_S, max(0.25, self._backoff_s * 2))
            self._retry_at_s = time.monotonic() + self._backoff_s
            if self._error is None:
                _log.error("records are kept in the spool until this is over: %s", error)
            self._error = str(error)
            return 0
        if self._error is not None:
            _log.warning("records are written again")
        self._error, self._backoff_s = None, 0.0
        if not count:
            self._empty_at_s = began_s
        return count

    async def _answer(self, message: Any) -> None:
        number, name, arguments = message
        try:
            handler = REQUESTS.get(name)
            if handler is None:
                raise LookupError(f"records process knows no request {name!r}")
            reply = [number, True, await handler(self, *arguments)]
        except StoreAway as error:
            reply = [number, False, str(error)]
        except Exception as error:  # a failed request is answered; it must not end the process
            _log.exception("request %s failed", name)
            reply = [number, False, f"{type(error).__name__}: {error}"]
        self._writer.write(pack_frame(reply))
        with suppress(ConnectionError):
            await self._writer.drain()

    async def _bindings(self) -> list[bytes]:
        now_ns = self._now_ns()
        await self._step_all()
        await self._in_intake(lambda: self._ingest.prune(now_ns))
        events = await self._readers.ask(lambda history: history.bindings(now_ns))
        return [encode(event, 0, now_ns) for event in events]

    async def _calls(self, limit: int, tenant: str | None, before: str | None, call: str | None) -> list[Any]:
        query = CallQuery(limit=limit, tenant=tenant, before=before, call=call)
        await self._step_all()
        return await self._readers.ask(lambda history: [cdr_to_wire(cdr) for cdr in history.cdrs(query)])

    async def _ended_page(self, limit: int, tenant: str | None, before: str | None) -> bytes:
        query = CallQuery(limit=limit, tenant=tenant, before=before)
        await self._step_all(_STALE_S)
        return await self._readers.ask(lambda history: ended_page(history.ended_calls(query), limit))

    async def _cdr_page(self, wanted: dict[str, Any]) -> bytes:
        query = CdrSearch(**wanted)
        await self._step_all(_STALE_S)
        return await self._readers.ask(lambda history: cdr_page(history.search_rows(query), query.limit))

    async def _search_events(self, wanted: dict[str, Any]) -> list[bytes]:
        query = EventSearch(**wanted)
        await self._step_all(_STALE_S)
        return await self._readers.ask(lambda history: history.search_events(query))

    async def _events(self, call: str) -> list[bytes]:
        await self._step_all()
        return await self._readers.ask(lambda history: history.call_payloads(call))

    async def _find_calls(self, prefix: str, limit: int) -> list[str]:
        await self._step_all()
        return await self._readers.ask(lambda history: history.find_calls(prefix, limit))

    async def _explain(self, call: str, messages: bool) -> list[Any] | None:
        await self._step_all()

        def read(history: HistorySearch) -> list[Any] | None:
            events = history.call_events(call)
            return explain(events, self._trace, messages=messages) if events else None

        return await self._readers.ask(read)

    async def _caught_up(self, seq: int) -> int:
        while self._ingest.seq < seq:
            if not await self._in_intake(self._step):
                await asyncio.sleep(_CATCH_UP_POLL_S)
        return self._ingest.seq

    async def _status(self) -> list[Any]:
        ingest = self._ingest
        status = RecordsStatus(
            seq=ingest.seq,
            open_calls=ingest.open_calls,
            damaged_bytes=ingest.damaged_bytes,
            missing_events=ingest.missing_events,
            skipped_events=ingest.skipped_events,
            error=self._error,
        )
        return list(astuple(status))

    async def _kept_answer(self, who: str, key: str) -> list[Any] | None:
        found = await self._remembered(lambda memory: memory.answer(who, key, self._now_ns() // 1_000_000))
        return None if found is None else row_of(found)

    async def _keep_answer(self, row: list[Any]) -> None:
        await self._remembered(lambda memory: memory.keep(record_of(StoredAnswer, row)))

    async def _token_uses(self) -> dict[str, int]:
        return await self._remembered(ApiMemory.uses)

    async def _note_token_uses(self, uses: dict[str, int]) -> None:
        await self._remembered(lambda memory: memory.note_uses(uses))

    async def _remembered(self, work: Callable[[ApiMemory], T]) -> T:
        """In the thread that writes: two at once would wait for each other. Raises StoreAway."""
        try:
            return await self._in_intake(lambda: work(self._memory))
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise StoreAway(f"the database does not answer ({reason})") from error

    async def _recording(self, name: str, arguments: list[Any]) -> Any:
        return await self._recordings.answer(name, arguments)

    async def _configuration(self, name: str, arguments: list[Any]) -> Any:
        if self._desk is None:
            from pbx.records.desk import Desk  # heavy: only where configuration is asked for

            self._desk = Desk(self._engine)
        return await self._desk.answer(name, arguments)

    async def _work_in_studio(self, name: str, arguments: list[Any]) -> Any:
        if self._studio is None:
            from pbx.records.studio import Studio  # heavy: what works on sound is loaded only where it is asked for

            self._studio = Studio()
        return await self._studio.answer(name, arguments)


REQUESTS: Final[dict[str, Callable[..., Awaitable[Any]]]] = {
    "bindings": RecordsServer._bindings,
    "calls": RecordsServer._calls,
    "caught_up": RecordsServer._caught_up,
    "cdr_page": RecordsServer._cdr_page,
    "configuration": RecordsServer._configuration,
    "ended_page": RecordsServer._ended_page,
    "events": RecordsServer._events,
    "explain": RecordsServer._explain,
    "find_calls": RecordsServer._find_calls,
    "keep_answer": RecordsServer._keep_answer,
    "kept_answer": RecordsServer._kept_answer,
    "note_token_uses": RecordsServer._note_token_uses,
    "recording": RecordsServer._recording,
    "search_events": RecordsServer._search_events,
    "status": RecordsServer._status,
    "studio": RecordsServer._work_in_studio,
    "token_uses": RecordsServer._token_uses,
}

"""The side of `control`: starts the records process, asks it, starts it again when it dies."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pbx
from pbx.cdr import Cdr
from pbx.events import Envelope, RegistrationChanged, decode
from pbx.recording_row import RecordingRow
from pbx.records.frames import FrameError, pack_frame, read_frame
from pbx.records.messages import DATABASE_VARIABLE, Explanation, RecordsStatus, cdr_from_wire

_FIRST_BACKOFF_S: Final = 0.1
_MAX_BACKOFF_S: Final = 5.0
_HEALTHY_S: Final = 10.0
_STOP_WAIT_S: Final = 30.0
# The child finds our packages where we found them, installed or not.
_ROOT: Final = str(Path(pbx.__file__).resolve().parent.parent)
_PYTHONPATH: Final = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
_log = logging.getLogger(__name__)


class RecordsError(Exception):
    """The records process could not answer a request; the text is its own."""


class RecordsClient:
    """One records process for the data directory `data`.

    A request made while the process is down waits for the next one, and a request that was under way
    when it died is asked again: all of them only read, or may be repeated. `database_url` None is SQLite in `data`.
    """

    def __init__(
        self,
        data: Path,
        *,
        database_url: str | None = None,
        python: str = sys.executable,
        first_backoff_s: float = _FIRST_BACKOFF_S,
        max_backoff_s: float = _MAX_BACKOFF_S,
    ) -> None:
        self._data = data
        self._database_url = database_url
        self._python = python
        self._first_backoff_s = first_backoff_s
        self._max_backoff_s = max_backoff_s
        self._numbers = itertools.count(1)
        self._pending: dict[int, tuple[bytes, asyncio.Future[Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Process id of the running records process."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process and keep it running until `stop`. Raises OSError when it cannot be started."""
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        reader = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(reader), name="records-keeper")

    async def stop(self) -> None:
        """Close the channel and wait until the rest of the spool is in the database."""
        self._stopping = True
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_WAIT_S)
            except TimeoutError:
                _log.error("records process %s did not end in %s s; killed", self.pid, _STOP_WAIT_S)
                self._process.kill()
                await self._process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        self._fail_pending("the records process was stopped")

    async def bindings(self) -> list[RegistrationChanged]:
        """All bindings that have not run out, each as its newest change."""
        events = [decode(payload).event for payload in await self._ask("bindings")]
        return [event for event in events if isinstance(event, RegistrationChanged)]

    async def calls(
        self,
        limit: int = 100,
        *,
        tenant: str | None = None,
        before: str | None = None,
        call: str | None = None,
    ) -> list[Cdr]:
        """Call records, newest first; `before` is the call id to go on behind."""
        return [cdr_from_wire(row) for row in await self._ask("calls", limit, tenant, before, call)]

    async def cdr_page(self, **wanted: object) -> bytes:
        """A page of call records without their legs as JSON, by the fields of `pbx.store.search.CdrSearch`."""
        return bytes(await self._ask("cdr_page", wanted))

    async def ended_page(self, limit: int, *, tenant: str | None = None, before: str | None = None) -> bytes:
        """Calls that are over as a page of JSON, newest first; `before` is the call id to go on behind."""
        return bytes(await self._ask("ended_page", limit, tenant, before))

    async def search_events(self, **wanted: object) -> list[Envelope]:
        """Events by the fields of `pbx.store.search.EventSearch`."""
        return [decode(payload) for payload in await self._ask("search_events", wanted)]

    async def events(self, call: str) -> list[Envelope]:
        """All events of a call in order."""
        return [decode(payload) for payload in await self._ask("events", call)]

    async def find_calls(self, prefix: str, limit: int) -> list[str]:
        """Ids of calls that begin with `prefix`, newest first, whether they are over or not."""
        return [str(one) for one in await self._ask("find_calls", prefix, limit)]

    async def explain(self, call: str, *, messages: bool) -> Explanation | None:
        """The course of a call, its messages too where they are asked for; None for one that is not known."""
        answer = await self._ask("explain", call, messages)
        return None if answer is None else Explanation.from_wire(answer)

    async def caught_up(self, seq: int) -> int:
        """Wait until event `seq` (flushed to the spool) is committed; returns the last committed one."""
        return int(await self._ask("caught_up", seq))

    async def status(self) -> RecordsStatus:
        """How the process does."""
        names = RecordsStatus.__slots__
        return RecordsStatus(**dict(zip(names, await self._ask("status"), strict=True)))

    async def kept_answer(self, who: str, key: str) -> list[Any] | None:
        """A row of `pbx.store.api_memory.StoredAnswer` that was kept within the last day."""
        found: list[Any] | None = await self._ask("kept_answer", who, key)
        return found

    async def keep_answer(self, row: Sequence[Any]) -> None:
        """Keep such a row."""
        await self._ask("keep_answer", row)

    async def token_uses(self) -> dict[str, int]:
        """When tokens were last used (UTC milliseconds), by id."""
        return dict(await self._ask("token_uses"))

    async def note_token_uses(self, uses: Mapping[str, int]) -> None:
        """Remember the last use of some tokens."""
        await self._ask("note_token_uses", dict(uses))

    async def recordings(
        self, *, tenant: str | None = None, call: str | None = None, before: str | None = None, limit: int = 100
    ) -> list[RecordingRow]:
        """Recordings, the newest first, behind the id `before`."""
        return [RecordingRow(*row) for row in await self._ask("recording", "page", [tenant, call, before, limit])]

    async def recording(self, ident: str) -> RecordingRow | None:
        """One recording, None where there is none of that id."""
        row = await self._ask("recording", "find", [ident])
        return None if row is None else RecordingRow(*row)

    async def remove_recording(self, ident: str) -> bool:
        """Delete a recording with its file; whether there was one."""
        return bool(await self._ask("recording", "remove", [ident]))

    async def configuration(self, name: str, *arguments: object) -> Any:
        """A request to the configuration; `pbx.records.configuration_client` knows them. Raises RecordsError."""
        return await self._ask("configuration", name, arguments)

    async def studio(self, name: str, *arguments: object) -> Any:
        """Work on sound; `pbx.records.studio_client` knows the requests. Raises RecordsError."""
        return await self._ask("studio", name, arguments)

    async def _ask(self, name: str, *arguments: object) -> Any:
        if self._stopping:
            raise RecordsError(f"records request {name}: the records process was stopped")
        number = next(self._numbers)
        frame = pack_frame([number, name, arguments])
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = (frame, future)
        try:
            if self._writer is not None:
                self._writer.write(frame)
            return await future
        finally:
            self._pending.pop(number, None)

    async def _spawn(self) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                "-m",
                "pbx.records",
                "--data",
                str(self._data),
                "--fd",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": _PYTHONPATH, DATABASE_VARIABLE: self._database_url or ""},
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        for frame, _ in self._pending.values():
            self._writer.write(frame)
        return reader

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        """Deliver answers; when the process dies, start another, later each time it dies early."""
        loop = asyncio.get_running_loop()
        backoff_s = self._first_backoff_s
        while True:
            started_s = loop.time()
            await self._deliver(reader)
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()
            assert self._process is not None
            status = await self._process.wait()
            if self._stopping:
                return
            self.restarts += 1
            if loop.time() - started_s > _HEALTHY_S:
                backoff_s = self._first_backoff_s
            _log.error("records process ended with status %s; next start in %.1f s", status, backoff_s)
            while True:
                await asyncio.sleep(backoff_s)
                backoff_s = min(self._max_backoff_s, backoff_s * 2)
                try:
                    reader = await self._spawn()
                    break
                except OSError as error:
                    _log.error("records process cannot be started: %s", error)

    async def _deliver(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                message = await read_frame(reader)
            except FrameError as error:
                _log.error("channel from the records process: %s", error)
                return
            if message is None:
                return
            number, succeeded, value = message
            _, future = self._pending.get(number, (b"", None))
            if future is None or future.done():
                continue  # asked twice around a restart, or given up
            if succeeded:
                future.set_result(value)
            else:
                future.set_exception(RecordsError(value))

    def _fail_pending(self, text: str) -> None:
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(RecordsError(text))

"""Recordings: looks for taps of calls that are over, has their audio files made one by one, writes them down."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from pbx.recording_row import RecordingRow
from pbx.records.finaliser_process import FinaliserDied, FinaliserProcess
from pbx.store.recordings import RecordingStore

PENDING: Final = "pending"
SUFFIX: Final = ".tap"
FORMAT: Final = "wav"
"""A minute of two tracks at 8 kHz is 1.9 MB and takes 18 ms of CPU to make; FLAC takes twice, Opus 50 times as long."""
LOOK_S: Final = 2.0
TRIES: Final = 3
FAILED: Final = "failed"
IDLE_LOOKS: Final = 30
"""So often nothing was to be made before the child that makes it is ended."""
SETTLED_S: Final = 1.0
"""A tap that was written to so lately may not have its last packets yet: a busy worker closes it behind the record."""
_ALL: Final = "all calls"
_log = logging.getLogger(__name__)


class Recordings:
    """Of one `records` process. `folder` is `<data>/recordings`: taps below `pending/<call>`, files by day.

    `writing` does something in the one thread that writes to the database.
    """

    def __init__(self, store: RecordingStore, folder: Path, writing: Callable[..., Awaitable[Any]]) -> None:
        self._store = store
        self._folder = folder
        self._writing = writing
        self._child = FinaliserProcess()
        self._idle = 0
        self._waiting: set[str] = set()
        """Calls whose recordings could not be made yet, for a reason that was told."""

    async def run(self) -> None:
        """Look for what is to be made, for ever."""
        try:
            while True:
                try:
                    await self.look()
                    self._waiting.discard(_ALL)
                except (OSError, SQLAlchemyError) as error:
                    self._complain(_ALL, str(error))
                await asyncio.sleep(LOOK_S)
        finally:
            self._child.close()

    async def look(self) -> None:
        """Make the files of all calls that are over. Raises OSError, SQLAlchemyError."""
        pending = self._folder / PENDING
        if not pending.is_dir():
            return
        folders = {path.name: path for path in await asyncio.to_thread(lambda: sorted(pending.iterdir()))}
        owners = await asyncio.to_thread(self._store.owners, list(folders)) if folders else {}
        for call, tenant in owners.items():
            if not _settled(folders[call]):
                continue
            try:
                await self._finish(folders[call], tenant)
            except OSError as error:
                self._complain(call, str(error))
        self._idle = 0 if owners else self._idle + 1
        if self._idle > IDLE_LOOKS:
            self._child.close()

    def _complain(self, call: str, why: str) -> None:
        """Say once that a recording has to wait; it is tried again at the next look."""
        if call not in self._waiting:
            self._waiting.add(call)
            _log.error("recording of %s waits, it is tried again: %s", call, why)

    async def _finish(self, folder: Path, tenant: str) -> None:
        """All recordings of one call; the taps go when the last row is written."""
        failed = False
        for number, paths in sorted(_taps(folder).items()):
            row = await self._make(f"{folder.name}-{number}", folder.name, tenant, paths)
            failed |= row.state == "failed"
            await self._writing(partial(self._store.put, row))
        # What nothing could be made of is kept, for who wants to look into it.
        await asyncio.to_thread(_keep if failed else shutil.rmtree, folder)
        self._waiting.discard(folder.name)

    async def _make(self, ident: str, call: str, tenant: str, taps: list[Path]) -> RecordingRow:
        began = datetime.fromtimestamp(taps[0].stat().st_mtime, UTC)
        file = f"{tenant}/{began:%Y/%m/%d}/{ident}.{FORMAT}"
        found: dict[str, Any] = {}
        for _ in range(TRIES):
            try:
                found = await self._child.make(FORMAT, str(self._folder / file), [str(tap) for tap in taps])
                break
            except FinaliserDied as error:
                found = {"why": f"the finaliser died {TRIES} times over it: {error}"}
        if "error" in found:
            raise OSError(found["error"])
        made = "why" not in found
        faults = found["faults"] if made else [found["why"]]
        if not made:
            _log.error("recording %s failed: %s", ident, faults[0])
        return RecordingRow(
            id=ident,
            call_id=call,
            tenant=tenant,
            state="failed" if not made else "partial" if faults else "ready",
            began_at_ms=found.get("began_wall_ns", int(began.timestamp() * 1e9)) // 1_000_000,
            duration_ms=found.get("duration_ms", 0),
            format=FORMAT,
            rate_hz=found.get("rate_hz", 0),
            size_bytes=found.get("size_bytes", 0),
            sha256=found.get("sha256", ""),
            file=file if made else "",
            legs=json.dumps(found.get("legs", [])),
            faults=json.dumps(faults),
        )

    # -- requests

    async def answer(self, name: str, arguments: Sequence[Any]) -> Any:
        """The answer to a request. Raises KeyError for one that is not known."""
        requests: dict[str, Callable[..., Awaitable[Any]]] = {
            "find": self.find,
            "page": self.page,
            "remove": self.remove,
        }
        return await requests[name](*arguments)

    async def page(self, tenant: str | None, call: str | None, before: str | None, limit: int) -> list[list[Any]]:
        """Rows of RecordingRow, the newest first."""
        rows = await asyncio.to_thread(self._store.page, tenant=tenant, call=call, before=before, limit=limit)
        return [list(astuple(row)) for row in rows]

    async def find(self, ident: str) -> list[Any] | None:
        """One row."""
        row = await asyncio.to_thread(self._store.find, ident)
        return None if row is None else list(astuple(row))

    async def remove(self, ident: str) -> bool:
        """Delete a recording, its file first; whether there was one."""
        row = await asyncio.to_thread(self._store.find, ident)
        if row is None:
            return False
        if row.file:
            (self._folder / row.file).unlink(missing_ok=True)
        removed: bool = await self._writing(partial(self._store.remove, ident))
        return removed


def _taps(folder: Path) -> dict[int, list[Path]]:
    """The taps of a call by the number of its recording: `<leg>-<number>.tap`."""
    found: dict[int, list[Path]] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        number = path.name.removesuffix(SUFFIX).rpartition("-")[2]
        if number.isdigit():
            found.setdefault(int(number), []).append(path)
    return found


def _settled(folder: Path) -> bool:
    """Whether nothing has been written for a while. Raises OSError."""
    newest = max((path.stat().st_mtime for path in folder.iterdir()), default=0.0)
    return time.time() - newest >= SETTLED_S


def _keep(folder: Path) -> None:
    """Put the taps of a call aside. Raises OSError."""
    aside = folder.parent.parent / FAILED
    aside.mkdir(exist_ok=True, mode=0o750)
    folder.rename(aside / folder.name)

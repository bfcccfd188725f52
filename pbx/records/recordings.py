"""Recordings: looks for taps of calls that are over, has their audio files made one by one, writes them down."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import OperationalError

from pbx.recording_row import RecordingRow
from pbx.records.finaliser import NOTHING
from pbx.store.recordings import RecordingStore

PENDING: Final = "pending"
SUFFIX: Final = ".tap"
FORMAT: Final = "wav"
"""A minute of two tracks at 8 kHz is 1.9 MB and takes 18 ms of CPU to make; FLAC takes twice, Opus 50 times as long."""
LOOK_S: Final = 2.0
_log = logging.getLogger(__name__)


class Recordings:
    """Of one `records` process. `folder` is `<data>/recordings`: taps below `pending/<call>`, files by day.

    `writing` does something in the one thread that writes to the database.
    """

    def __init__(self, store: RecordingStore, folder: Path, writing: Callable[..., Awaitable[Any]]) -> None:
        self._store = store
        self._folder = folder
        self._writing = writing

    async def run(self) -> None:
        """Look for what is to be made, for ever."""
        while True:
            try:
                await self.look()
            except (OSError, OperationalError) as error:
                _log.error("recordings wait: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Make the files of all calls that are over. Raises OSError, OperationalError."""
        pending = self._folder / PENDING
        if not pending.is_dir():
            return
        for folder in sorted(pending.iterdir()):
            owner = await asyncio.to_thread(self._store.owner, folder.name)
            if owner is not None:
                await self._finish(folder, owner)

    async def _finish(self, folder: Path, tenant: str) -> None:
        """All recordings of one call; the taps go when the last row is written."""
        for number, paths in sorted(_taps(folder).items()):
            row = await self._make(f"{folder.name}-{number}", folder.name, tenant, paths)
            await self._writing(partial(self._store.put, row))
        await asyncio.to_thread(shutil.rmtree, folder)

    async def _make(self, ident: str, call: str, tenant: str, taps: list[Path]) -> RecordingRow:
        began = datetime.fromtimestamp(taps[0].stat().st_mtime, UTC)
        file = f"{tenant}/{began:%Y/%m/%d}/{ident}.{FORMAT}"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pbx.records.finaliser",
            FORMAT,
            str(self._folder / file),
            *map(str, taps),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            told, complaint = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        found: dict[str, Any] = {}
        if process.returncode in (0, NOTHING):
            found = json.loads(told)
        made = process.returncode == 0
        faults = found.get("faults", [found.get("why") or complaint.decode("utf-8", "replace").strip()[-500:]])
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

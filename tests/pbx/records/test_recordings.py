"""Recordings of calls that are over: made once, whatever dies; kept where nothing can be made of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from media.tap import NOTE, pack_block, pack_record
from pbx.records.finaliser_process import FinaliserProcess
from pbx.records.recordings import Recordings
from pbx.store.database import open_engine
from pbx.store.history import History
from pbx.store.recordings import RecordingStore
from tests.pbx.cdr.test_fold import ANSWERED, fold_at

pytestmark = pytest.mark.e2e  # Processes of its own.


class Desk:
    """A database with one call that is over, and its folder."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_engine(folder / "x.db")
        self.store = RecordingStore(self.engine)
        self.folder = folder / "recordings"
        self.cdr = fold_at(ANSWERED).cdr()
        self.recordings = Recordings(self.store, self.folder, self._write)

    async def _write(self, work: Callable[[], Any]) -> Any:
        return work()

    def tap(self, call: str, data: bytes) -> Path:
        path = self.folder / "pending" / call
        path.mkdir(parents=True, exist_ok=True)
        tap = path / "leg-1.tap"
        tap.write_bytes(data)
        os.utime(tap, (1_700_000_000, 1_700_000_000))
        return path

    def over(self) -> None:
        with History(self.engine) as history:
            history.begin()
            history.put_cdrs([self.cdr])
            history.commit()

    def look(self) -> None:
        asyncio.run(self.recordings.look())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_call_that_goes_on_is_left_alone(desk: Desk) -> None:
    path = desk.tap(desk.cdr.call_id, b"")
    desk.look()
    assert path.is_dir()
    assert desk.store.page(tenant=None, call=None, before=None, limit=9) == []


def test_a_tap_that_is_still_written_to_is_left_alone(desk: Desk) -> None:
    desk.over()
    path = desk.tap(desk.cdr.call_id, b"")
    os.utime(path / "leg-1.tap")
    desk.look()
    assert path.is_dir()


def test_taps_without_sound_are_kept_aside_and_told(desk: Desk) -> None:
    desk.over()
    path = desk.tap(desk.cdr.call_id, pack_block(pack_record(1, NOTE, b"not a description")))
    desk.look()
    (row,) = desk.store.page(tenant=desk.cdr.tenant, call=desk.cdr.call_id, before=None, limit=9)
    assert (row.id, row.state, row.file) == (f"{desk.cdr.call_id}-1", "failed", "")
    assert json.loads(row.faults)
    assert not path.exists()
    assert (desk.folder / "failed" / desk.cdr.call_id / "leg-1.tap").exists()
    desk.look()
    assert len(desk.store.page(tenant=None, call=None, before=None, limit=9)) == 1
    assert desk.store.page(tenant="another", call=None, before=None, limit=9) == []


def test_a_finaliser_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = FinaliserProcess()
        assert "why" in await child.make("wav", str(tmp_path / "a.wav"), [])
        process = child._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        assert "why" in await child.make("wav", str(tmp_path / "a.wav"), [])
        last = child._process
        child.close()
        assert last is not None
        await last.wait()

    asyncio.run(scenario())

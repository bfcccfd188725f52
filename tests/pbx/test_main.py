"""The server process: regular work goes on after a fault, a start that fails or hangs leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from pbx.main import Server, serve
from pbx.settings import Settings
from tests.fakes.virtual_loop import virtually


@virtually
async def test_regular_work_goes_on_after_a_fault() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))
        if len(done) in (2, 3):
            raise OSError(28, "No space left on device")

    server = Server(Settings(), [Path("unused.yaml")])
    task = asyncio.get_running_loop().create_task(server._every(1.0, work))
    await asyncio.sleep(5.5)
    task.cancel()
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("fails", [False, True])
def test_a_start_that_does_not_come_to_an_end_is_undone(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    undone: list[str] = []

    async def undo() -> None:
        undone.append("records")

    async def start(server: Server) -> bool:
        server._begun.push_async_callback(undo)
        if fails:
            raise OSError(98, "Address already in use")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(Server, "start", start)
    if fails:
        with pytest.raises(OSError, match="in use"):
            asyncio.run(serve(Settings(), []))
    else:
        assert asyncio.run(serve(Settings(), [])) == 0
    assert undone == ["records"]

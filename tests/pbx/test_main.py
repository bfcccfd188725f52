"""The server process: what it does regularly goes on after a fault."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pbx.main import Server
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

"""Finaliser process: the child that makes audio files, started when there is something to be made, ended when idle."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


class FinaliserDied(Exception):
    """The child ended in the middle of a file, or could not be started; the text is what it said last."""


class FinaliserProcess:
    """One at a time. Its start costs a quarter of a second of CPU, so one serves for many recordings."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def make(self, format_name: str, out: str, taps: list[str]) -> dict[str, Any]:
        """What `pbx.records.finaliser.finalise` gives. Raises FinaliserDied."""
        process = self._process
        if process is None or process.returncode is not None:
            process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([format_name, out, taps]).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except ConnectionError as error:
            self.close()
            raise FinaliserDied(str(error)) from error
        except asyncio.CancelledError:
            self.close()
            raise
        if not line:
            self._process = None
            raise FinaliserDied(f"it ended with status {await process.wait()}")
        made: dict[str, Any] = json.loads(line)
        return made

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pbx.records.finaliser",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        return self._process

    def close(self) -> None:
        """End the child; what it is at is lost, and begun anew by the next one."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()

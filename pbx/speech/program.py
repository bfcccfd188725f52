"""Program: runs a speech program without a shell, its text on standard input, for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from pbx.speech.request import SpeechError


async def run(
    command: Sequence[str], text: bytes, limit_s: float, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program to its end. Raises SpeechError where it is missing, fails, or takes longer; it is killed then."""
    name = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
    except FileNotFoundError as error:
        raise SpeechError(f"{name} is not installed; install it, or set speech.engine") from error
    except OSError as error:
        raise SpeechError(f"{name} cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(limit_s):
            _, told = await process.communicate(text)
    except TimeoutError as error:
        raise SpeechError(f"{name} took longer than {limit_s:g} s") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        lines = told.decode("utf-8", "replace").strip().splitlines()
        raise SpeechError(f"{name} ended with status {process.returncode}: {lines[-1][:200] if lines else 'no word'}")

"""Studio: the work on sound of the records process: payload files, prompts that are spoken, texts of calls."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pbx
from media.codecs import CODECS
from media.room_signals import room_signals
from media.sound_library import prepare
from pbx.records.speech_cache import SpeechCache
from pbx.speech.program import run
from pbx.speech.request import SpeechError, SpeechRequest

_ROOT: Final = str(Path(pbx.__file__).resolve().parent.parent)
_BUILD_LIMIT_S: Final = 1800.0


class Studio:
    """Answers by name; arguments and answers are plain data."""

    def __init__(self) -> None:
        self._caches: dict[str, SpeechCache] = {}

    async def answer(self, name: str, arguments: Sequence[Any]) -> Any:
        """The answer to a request. Raises PayloadError, OSError."""
        return await _REQUESTS[name](self, *arguments)

    async def prepare(
        self, roots: list[str], out: str, languages: list[str] | None, codecs: list[str], limit_s: float | None
    ) -> list[Any]:
        """`[files by name, a line for each sound that cannot be read, how many had to be left after the time]`."""
        until_s = math.inf if limit_s is None else time.monotonic() + limit_s
        paths = [Path(root) for root in roots]
        made = await asyncio.to_thread(prepare, paths, Path(out), languages, codecs, lambda: time.monotonic() > until_s)
        signals = await asyncio.to_thread(room_signals, Path(out))
        return [made.files | signals, made.faults, made.left]

    async def build(
        self,
        roots: list[str],
        out: str,
        payloads: str,
        languages: list[str],
        codecs: list[str],
        engine: str,
        voices: Mapping[str, str],
        everything: bool,
    ) -> list[Any]:
        """Speak the prompts of languages in a process that only gets what time others leave, then `prepare`.

        `everything`: also what lies in folders of other languages is made ready.

        `[files, faults, what went wrong or None]`.
        """
        usable = [name for name in codecs if name in CODECS]
        command = [sys.executable, "-m", "pbx.speech.build", "--idle", "--out", out, "--payloads", payloads]
        command += ["--engine", engine, *(["--everything"] if everything else [])]
        for option, values in (("language", languages), ("codec", usable), ("root", roots)):
            command += [word for value in values for word in (f"--{option}", value)]
        command += [word for language, voice in voices.items() for word in ("--voice", f"{language}={voice}")]
        path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        trouble = None
        try:
            await run(command, b"", _BUILD_LIMIT_S, {**os.environ, "PYTHONPATH": path})
        except SpeechError as error:
            trouble = str(error)
        files, faults, _ = await self.prepare(roots, payloads, None if everything else languages, usable, None)
        return [files, faults, trouble]

    async def speak(
        self, folder: str, engine: str, texts: list[str], language: str, voice: str, speed: int, codecs: list[str],
        limit_s: float,
    ) -> list[Any]:  # fmt: skip
        """`[True, files by codec of each text]`, or `[False, why not]`."""
        cache = self._caches.setdefault(folder, SpeechCache(Path(folder)))
        usable = [name for name in codecs if name in CODECS]
        requests = [SpeechRequest(text=text, language=language, voice=voice, words_per_minute=speed) for text in texts]
        try:
            async with asyncio.timeout(limit_s):
                return [True, await asyncio.gather(*(cache.speak(engine, one, usable, limit_s) for one in requests))]
        except TimeoutError:
            return [False, f"speech took longer than {limit_s:g} s"]
        except (SpeechError, OSError) as error:
            return [False, str(error)]


_REQUESTS: Final[dict[str, Callable[..., Awaitable[Any]]]] = {
    "build": Studio.build,
    "prepare": Studio.prepare,
    "speak": Studio.speak,
}

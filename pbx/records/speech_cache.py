"""Speech cache: texts that were spoken, as payload files; the same text by the same voice is spoken once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from media.audio_file import resample, to_int16
from media.codecs import CODECS
from media.payload import (
    PTIME_MS,
    WIDEBAND_HZ,
    PayloadError,
    encoding_rate_hz,
    read_frames,
    ready_file,
    write_payload,
)
from media.ready_file import ReadyFile
from pbx.speech.engine import SpeechEngine, checked, speech_engine
from pbx.speech.rendering import RENDERER, clear_drafts, spoken
from pbx.speech.request import NONE, SpeechError, SpeechRequest

_AT_ONCE: Final = 4
_MOST_BYTES: Final = 256 << 20
_LOOK_AFTER: Final = 64
_IN_USE_S: Final = 3600.0
"""What was asked for within this time may still be playing."""
_log = logging.getLogger(__name__)

Files = Mapping[str, ReadyFile]


class SpeechCache:
    """Spoken texts in a folder, at most `most_bytes` of them; what was not asked for longest goes first."""

    def __init__(self, folder: Path, most_bytes: int = _MOST_BYTES, in_use_s: float = _IN_USE_S) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._in_use_s = in_use_s
        self._engines: dict[str, SpeechEngine] = {}
        self._running: dict[str, asyncio.Task[Files]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._made = 0

    async def speak(self, engine: str, request: SpeechRequest, codecs: Sequence[str], limit_s: float) -> Files:
        """Codec -> payload file of the text. Raises SpeechError, OSError."""
        checked(request)
        if engine == NONE:
            raise SpeechError("there is no speech engine; set speech.engine")
        place = self._folder / _key(engine, request)
        found = await asyncio.to_thread(_ready, place, codecs)
        if found is not None:
            return found
        # Callers who want the same text at once share one engine, and none of them ends it for the others.
        task = self._running.get(place.name)
        if task is None:
            task = asyncio.create_task(self._make(engine, request, codecs, limit_s, place), name="speech")
            self._running[place.name] = task
            task.add_done_callback(lambda ended: self._ended(place.name, ended))
        return await asyncio.shield(task)

    def _ended(self, name: str, task: asyncio.Task[Files]) -> None:
        del self._running[name]
        if not task.cancelled():
            task.exception()  # who waited has it; when nobody did any more, it is of no use

    async def _make(
        self, engine_name: str, request: SpeechRequest, codecs: Sequence[str], limit_s: float, place: Path
    ) -> Files:
        engine = self._engines.get(engine_name)
        if engine is None:
            engine = self._engines[engine_name] = speech_engine(engine_name)
        async with self._places:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
            sound = await spoken(engine, request, limit_s, self._folder)

        def write() -> Files:
            files = {}
            for name in codecs:
                codec = CODECS[name]
                samples = to_int16(resample(sound, WIDEBAND_HZ, encoding_rate_hz(codec)))
                files[name] = write_payload(place / f"{name}.raw", samples, codec)
            return files

        files = await asyncio.to_thread(write)
        self._made += 1
        if self._made % _LOOK_AFTER == 1:
            await asyncio.to_thread(self.shrink)
        return files

    def shrink(self) -> None:
        """Take away what is too much, but nothing that may still be playing."""
        found = []
        try:
            clear_drafts(self._folder)
            for place in self._folder.iterdir():
                size = sum(path.stat().st_size for path in place.iterdir())
                found.append((place.stat().st_mtime, size, place))
            total = sum(size for _, size, _ in found)
            for used_s, size, place in sorted(found):
                if total <= self._most_bytes or used_s > time.time() - self._in_use_s:
                    break
                shutil.rmtree(place)
                total -= size
        except OSError as error:
            _log.warning("spoken texts cannot be cleared away: %s", error)


def _key(engine: str, request: SpeechRequest) -> str:
    parts = [str(RENDERER), engine, request.voice, str(request.words_per_minute), request.language, request.text]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _ready(place: Path, codecs: Sequence[str]) -> Files | None:
    """What is there of a text; None where it, or one of its codecs, has to be made."""
    files = {}
    try:
        for name in codecs:
            path = place / f"{name}.raw"
            frames = read_frames(path, CODECS[name])
            files[name] = ready_file(path, len(frames) * PTIME_MS, CODECS[name])
        os.utime(place)
    except (OSError, PayloadError):
        return None
    return files

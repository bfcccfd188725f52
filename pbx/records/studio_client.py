"""Studio client: what `control` asks of the records process about sound."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from media.ready_file import ReadyFile
from pbx.records.client import RecordsClient, RecordsError
from pbx.settings import SpeechSettings
from pbx.speech.request import NONE, SpeechError
from pbx.speech.voice import Voice, voice_of

Files = dict[str, ReadyFile]

SPEECH_LIMIT_S: Final = 2.0
_GRACE_S: Final = 0.5
DEFAULT_VOICES: Final[Mapping[str, Voice]] = {
    "de": Voice(name="de+f3"),
    "en": Voice(name="en-us+f3"),
    "es": Voice(name="es+f3"),
    "fr": Voice(name="fr-fr+f3"),
    "ja": Voice(name="ja+f3"),
    "ko": Voice(name="ko+f3"),
    "ru": Voice(name="ru+f3"),
    "zh": Voice(name="cmn+f3", words_per_minute=200),
}
"""Who speaks the texts of calls where settings do not say: voices of eSpeak."""


class StudioClient:
    """Sounds of one data directory: the server's own in `sounds`, what is added in `<data>/sounds`."""

    def __init__(self, records: RecordsClient, settings: SpeechSettings, sounds: Path, data: Path) -> None:
        self._records = records
        self._settings = settings
        self._prompts = data / "prompts"
        self._payloads = data / "payloads"
        self._spoken = data / "speech"
        self._roots = [str(data / "sounds"), str(sounds), str(self._prompts)]

    async def prepare(
        self, languages: Sequence[str] | None, codecs: Sequence[str], limit_s: float | None = None
    ) -> tuple[Files, list[str], int]:
        """Make ready what is there: files by name, a line for each that cannot be read, and how many were left.

        Raises RecordsError.
        """
        wanted = None if languages is None else list(languages)
        files, faults, left = await self._ask(
            "prepare", self._roots, str(self._payloads), wanted, list(codecs), limit_s
        )
        return _read(files), list(faults), left

    async def build(
        self, languages: Sequence[str], codecs: Sequence[str], *, speak: bool = True, everything: bool = False
    ) -> tuple[Files, list[str]]:
        """Speak the prompts of languages without haste, and make sounds ready: theirs, or `everything` that is there.

        Raises RecordsError.
        """
        files, faults, trouble = await self._ask(
            "build",
            self._roots,
            str(self._prompts),
            str(self._payloads),
            list(languages),
            list(codecs),
            self._settings.engine if speak else NONE,
            dict(self._settings.voices),
            everything,
        )
        return _read(files), [*faults, *([trouble] if trouble else [])]

    async def speak(
        self, texts: Sequence[str], language: str, codecs: Sequence[str], voice: Voice | None = None
    ) -> list[Files]:
        """Each text as a payload file by codec, within 2 s. Raises SpeechError where the engine is slow or fails."""
        who = voice or self._voice(language)
        try:
            async with asyncio.timeout(SPEECH_LIMIT_S + _GRACE_S):
                succeeded, answer = await self._ask(
                    "speak",
                    str(self._spoken),
                    self._settings.engine,
                    list(texts),
                    language,
                    who.name,
                    who.words_per_minute,
                    list(codecs),
                    SPEECH_LIMIT_S,
                )
        except TimeoutError as error:
            raise SpeechError("the records process did not answer in time") from error
        except RecordsError as error:
            raise SpeechError(str(error)) from error
        if not succeeded:
            raise SpeechError(answer)
        return [_read(files) for files in answer]

    def _voice(self, language: str) -> Voice:
        for name in (language, language.partition("-")[0]):
            if name in self._settings.voices:
                return voice_of(self._settings.voices[name])
            if name in DEFAULT_VOICES:
                return DEFAULT_VOICES[name]
        return DEFAULT_VOICES["en"]

    async def _ask(self, name: str, *arguments: object) -> Any:
        return await self._records.studio(name, *arguments)


def _read(files: Mapping[str, Sequence[Any]]) -> Files:
    return {name: ReadyFile(*item) for name, item in files.items()}

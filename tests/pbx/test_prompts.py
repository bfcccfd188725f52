"""Prompts: in which order sounds become ready, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from structlog.testing import capture_logs

from media.ready_file import ReadyFile
from pbx.prompts import Prompts
from pbx.records.client import RecordsError
from pbx.sounds import Sounds

READY = ReadyFile(path="x", duration_ms=20, frame_bytes=160, samples_per_frame=160, ptime_ms=20)


class Studio:
    """A studio that makes one prompt for each language, and has no Opus."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, tuple[str, ...]]] = []
        self.all: list[str] = []
        self.fails = False
        self.spoke: bool | None = None

    async def prepare(
        self, languages: Sequence[str] | None, codecs: Sequence[str], limit_s: float | None
    ) -> tuple[dict[str, ReadyFile], list[str], int]:
        self.asked.append((languages, tuple(codecs)))
        return {f"{codec}/tones/silence": READY for codec in codecs}, ["a.wav: damaged"], 3

    async def build(
        self, languages: Sequence[str], codecs: Sequence[str], *, speak: bool, everything: bool
    ) -> tuple[dict[str, ReadyFile], list[str]]:
        self.spoke = speak
        assert everything == (list(languages) == self.all)
        self.asked.append((list(languages), tuple(codecs)))
        if self.fails:
            raise RecordsError("no disk")
        made = [codec for codec in codecs if codec != "opus"]
        files = {
            f"{codec}/{name}": READY for codec in made for name in ("tones/silence", *(f"{one}/a" for one in languages))
        }
        return files, ["a.wav: damaged", *(f"{index}.wav: damaged" for index in range(50))]


def test_languages_in_use_come_first_and_other_codecs_last() -> None:
    studio, sounds = Studio(), Sounds({})
    prompts = Prompts(studio, sounds, structlog.get_logger("test"))  # type: ignore[arg-type]
    studio.all = ["de", "en", "zh"]
    with capture_logs() as told:
        asyncio.run(prompts.begin())
        asyncio.run(prompts.build(studio.all, ["zh", "fr"]))
    first, later = ("pcma", "pcmu"), ("g722", "opus")
    assert studio.asked == [(None, first), (["zh"], first), (studio.all, first), (studio.all, later)]
    assert sounds.codecs == ("pcma", "pcmu", "g722")
    assert [one["event"] for one in told].count("sound left out") == 20
    assert told[-1] == {
        "event": "prompts are ready",
        "log_level": "info",
        "languages": "de,en,zh",
        "codecs": "pcma,pcmu,g722",
    }


def test_a_failure_is_told() -> None:
    studio = Studio()
    studio.fails, studio.all = True, ["en"]
    with capture_logs() as told:
        asyncio.run(Prompts(studio, Sounds({}), structlog.get_logger("test")).build(["en"], ["en"]))  # type: ignore[arg-type]
    assert told == [
        {"event": "prompts were not made ready; a restart tries again", "log_level": "error", "why": "no disk"}
    ]


def test_recordings_that_were_left_are_made_ready_without_speaking() -> None:
    studio, sounds = Studio(), Sounds({})
    studio.all = ["en", "zh"]
    prompts = Prompts(studio, sounds, structlog.get_logger("test"))  # type: ignore[arg-type]
    with capture_logs():
        asyncio.run(prompts.begin())
        asyncio.run(prompts.build(["en", "zh"], ["en"], speak=False))
    assert prompts.left == 3
    assert studio.spoke is False
    assert [codecs for _, codecs in studio.asked] == [("pcma", "pcmu")] * 3
    assert list(sounds.codecs) == ["pcma", "pcmu"]

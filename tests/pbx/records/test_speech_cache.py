"""Speech cache: a text is spoken once, by few engines at once, within a time, in a folder of a bounded size."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from media.codecs import CODECS
from media.payload import read_payload
from pbx.records import speech_cache
from pbx.records.speech_cache import SpeechCache
from pbx.records.studio import Studio
from pbx.speech.request import SpeechError, SpeechRequest


class Engine:
    """Speaks when it is let; counts how often, and how many at once."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.running = 0
        self.most_running = 0
        self.crowded = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def speak(self, request: SpeechRequest, out: Path, limit_s: float) -> None:
        self.said.append(request.text)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        if self.running == 4:
            self.crowded.set()
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        if request.text == "bad":
            raise SpeechError("the engine is broken")
        at = np.arange(8000 * len(request.text) // 4) / 16000
        soundfile.write(out, 0.5 * np.sin(2 * np.pi * 500 * at), 16000)


def request(text: str, voice: str = "sam") -> SpeechRequest:
    return SpeechRequest(text=text, language="en", voice=voice)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    made: list[Engine] = []

    def make(name: str) -> Engine:
        made.append(Engine())
        return made[-1]

    monkeypatch.setattr(speech_cache, "speech_engine", make)
    return made


def play(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60.0))


def test_a_text_is_spoken_once_for_all_codecs(tmp_path: Path, engines: list[Engine]) -> None:
    async def scenario() -> None:
        cache = SpeechCache(tmp_path)
        files = await cache.speak("x", request("hello"), ["pcmu", "g722", "opus"], 2.0)
        assert set(files) == {"pcmu", "g722", "opus"}
        heard = read_payload(Path(files["g722"].path), CODECS["g722"])
        assert len(heard) / 16000 == pytest.approx(0.625, abs=0.03)
        # Another server, the same folder: what is there is played, with the same facts.
        assert await SpeechCache(tmp_path).speak("x", request("hello"), ["pcmu", "opus"], 2.0) == {
            "pcmu": files["pcmu"],
            "opus": files["opus"],
        }
        await cache.speak("x", request("hello", "joe"), ["pcmu"], 2.0)
        await cache.speak("y", request("hello"), ["pcmu"], 2.0)
        assert [len(engine.said) for engine in engines] == [2, 1]

    play(scenario)


def test_a_file_that_was_damaged_is_made_again(tmp_path: Path, engines: list[Engine]) -> None:
    async def scenario() -> None:
        cache = SpeechCache(tmp_path)
        files = await cache.speak("x", request("hello"), ["pcmu"], 2.0)
        damage(files["pcmu"].path)
        assert await cache.speak("x", request("hello"), ["pcmu"], 2.0) == files
        assert os.stat(files["pcmu"].path).st_size % 160 == 0

    def damage(path: str) -> None:
        Path(path).write_bytes(b"123")

    play(scenario)


def test_callers_share_an_engine_and_few_run_at_once(tmp_path: Path, engines: list[Engine]) -> None:
    async def scenario() -> None:
        cache = SpeechCache(tmp_path)
        await cache.speak("x", request("first"), ["pcmu"], 2.0)
        engine = engines[0]
        engine.open.clear()
        texts = [f"text {index}" for index in range(8)] * 2
        running = [asyncio.create_task(cache.speak("x", request(text), ["pcmu"], 2.0)) for text in texts]
        await engine.crowded.wait()
        impatient = running[0]
        impatient.cancel()
        engine.open.set()
        found = await asyncio.gather(*running, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:8] == found[9:]
        assert not isinstance(found[8], BaseException)
        assert (len(engine.said), engine.most_running) == (9, 4)

    play(scenario)


def test_failures_are_told_and_tried_again(tmp_path: Path, engines: list[Engine]) -> None:
    async def scenario() -> None:
        cache = SpeechCache(tmp_path)
        for _ in range(2):
            with pytest.raises(SpeechError, match="the engine is broken"):
                await cache.speak("x", request("bad"), ["pcmu"], 2.0)
        assert engines[0].said == ["bad", "bad"]
        with pytest.raises(SpeechError, match=r"set speech\.engine"):
            await cache.speak("none", request("hello"), ["pcmu"], 2.0)
        with pytest.raises(SpeechError, match="nothing to say"):
            await cache.speak("x", request(""), ["pcmu"], 2.0)

    play(scenario)


def test_a_slow_engine_is_told(tmp_path: Path, engines: list[Engine]) -> None:
    async def scenario() -> None:
        studio = Studio()
        said = [str(tmp_path), "x", ["one", "two"], "en", "sam", 165, ["pcmu", "no-such-codec"], 2.0]
        succeeded, files = await studio.answer("speak", said)
        assert succeeded
        assert [set(one) for one in files] == [{"pcmu"}, {"pcmu"}]
        engines[0].open.clear()
        slow = [str(tmp_path), "x", ["three"], "en", "sam", 165, ["pcmu"], 0.05]
        assert await studio.answer("speak", slow) == [False, "speech took longer than 0.05 s"]
        assert await studio.answer("speak", [*slow[:2], ["bad", "x" * 1001], *slow[3:]]) == [
            False,
            "a text of 1001 characters; give at most 1000",
        ]

    play(scenario)


def test_what_was_not_asked_for_longest_goes_first(tmp_path: Path, engines: list[Engine]) -> None:
    async def scenario() -> None:
        cache = SpeechCache(tmp_path, most_bytes=9_000, in_use_s=3600.0)
        places = {}
        for index, text in enumerate(("aaaa", "bbbb", "cccc")):
            files = await cache.speak("x", request(text), ["pcmu"], 2.0)
            places[text] = Path(files["pcmu"].path).parent
            os.utime(places[text], (1_000_000_000 + index, 1_000_000_000 + index))
        await cache.speak("x", request("aaaa"), ["pcmu"], 2.0)
        cache.shrink()
        assert [places[text].exists() for text in places] == [True, False, True]
        # Whatever was asked for within the hour stays, even where it is too much.
        SpeechCache(tmp_path, most_bytes=0).shrink()
        assert [places[text].exists() for text in places] == [True, False, False]

    play(scenario)

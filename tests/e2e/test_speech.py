"""Speech by the real engines: programs that speak, fail and hang."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from media.audio_file import Float, read_audio
from pbx.records.client import RecordsClient
from pbx.records.studio_client import StudioClient
from pbx.settings import SpeechSettings
from pbx.speech.engine import SpeechEngine, speech_engine
from pbx.speech.program import run
from pbx.speech.rendering import spoken
from pbx.speech.request import SpeechError, SpeechRequest
from pbx.speech.template import sentences
from pbx.speech.voice import Voice
from tests.e2e.baresip import Baresip
from tests.e2e.ports import Ports
from tests.e2e.server import Server
from tests.e2e.sound import likeness, noise_speech, write_wav

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


def say(engine: SpeechEngine, text: str, voice: str = "en-us+f3", limit_s: float = 30.0) -> Float:
    return asyncio.run(spoken(engine, SpeechRequest(text=text, language="en", voice=voice), limit_s))


@pytest.mark.parametrize("name", ["espeak-ng", "pyttsx3"])
def test_an_engine_speaks(name: str) -> None:
    engine = speech_engine(name)
    short, long = say(engine, "One."), say(engine, "One two three four five six.")
    assert 0.1 < len(short) / 16000 < 1.5
    assert len(long) > 2 * len(short)
    assert np.abs(long).max() > 0.05
    # What looks like an option or a command is only a text.
    assert len(say(engine, "--version; `echo`")) > 8000


def test_a_voice_that_does_not_exist_is_told() -> None:
    with pytest.raises(SpeechError, match="espeak-ng"):
        say(speech_engine("espeak-ng"), "Hello.", "nobody")


def test_programs_that_fail_hang_or_are_missing(tmp_path: Path) -> None:
    def told(*command: str, limit_s: float = 30.0) -> str:
        with pytest.raises(SpeechError) as caught:
            asyncio.run(run(command, b"text", limit_s))
        return str(caught.value)

    assert "is not installed; install it, or set speech.engine" in told("no-such-program")
    assert "ended with status 3: too bad" in told("sh", "-c", "echo too bad >&2; exit 3")
    pid = tmp_path / "pid"
    began_s = time.monotonic()
    assert "sh took longer than 0.5 s" in told("sh", "-c", f"echo $$ > {pid}; exec sleep 60", limit_s=0.5)
    assert time.monotonic() - began_s < 20
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_prompts_are_built_by_the_command(tmp_path: Path) -> None:
    """The English prompts by the real voice; a second run has nothing to do."""

    def build(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", "prompts", "build", "--language", "en", "--out", str(tmp_path), *more]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT, env={**os.environ}
        )

    first = build()
    assert first.returncode == 0, first.stderr
    assert " made, 0 kept, 0 removed, 0 failed" in first.stdout
    assert 5 < len(read_audio(tmp_path / "en/vm-message-menu.wav", 8000)) / 8000 < 30
    assert 0.1 < len(read_audio(tmp_path / "en/number-7.wav", 8000)) / 8000 < 0.8
    again = build()
    assert again.stdout.startswith("en: 0 made, ")
    assert build("--engine", "foo").returncode == 1
    wrong = build("--language", "xx")
    assert wrong.returncode == 2
    assert "language 'xx' has no manifest (allowed: en, zh)" in wrong.stderr


def test_texts_of_calls_are_spoken_by_the_records_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        client = RecordsClient(tmp_path)
        studio = StudioClient(client, SpeechSettings(), ROOT / "sounds", tmp_path)
        await client.start()
        try:
            texts = sentences("Hello ${name}. Your order is on its way.", {"name": "Ann"})
            first = await studio.speak(texts, "en", ["pcmu", "opus"])
            assert [set(files) for files in first] == [{"pcmu", "opus"}] * 2
            assert all(500 < files["pcmu"].duration_ms < 5000 for files in first)
            assert await studio.speak(texts, "en", ["pcmu", "opus"]) == first
            (chinese,) = await studio.speak(["您好。"], "zh-CN", ["pcma"])
            assert 300 < chinese["pcma"].duration_ms < 3000
            with pytest.raises(SpeechError, match="espeak-ng"):
                await studio.speak(["Hello."], "en", ["pcmu"], Voice(name="nobody"))
            with pytest.raises(SpeechError, match="characters; give at most 1000"):
                await studio.speak(["a" * 1001], "en", ["pcmu"])
        finally:
            await client.stop()

    asyncio.run(scenario())


def test_a_server_speaks_its_prompts_when_it_is_up(tmp_path: Path, ports: Ports) -> None:
    """A fresh server has all prompts after a while; a recording takes the place of one, and callers hear it."""
    played = noise_speech(11, 4.0)
    (tmp_path / "data/sounds/en").mkdir(parents=True)
    write_wav(tmp_path / "data/sounds/en/not-in-service.wav", played)
    (tmp_path / "data/sounds/en/welcome.mp3").write_bytes(b"no sound")
    environment = {"CORDBOARD_SPEECH_PROMPTS": "true"}
    with ExitStack() as stack:
        server = Server(tmp_path, ports, "--demo", environment=environment)
        stack.callback(server.end)
        server.start()
        ann = Baresip(server, ports, tmp_path, "1006", seed=6)
        stack.callback(ann.close)
        ann.start()
        ann.dial("5999")
        ann.wait_event("CALL_CLOSED")
        assert likeness(ann.take_recording(), played) > 0.9
        server.program.wait_for_log("prompts are ready", 300.0)
        for codec in ("pcmu", "pcma", "g722", "opus"):
            assert len(list((server.data / "payloads" / codec / "zh").glob("*.raw"))) > 250
        assert "welcome.mp3: cannot be read as sound" in server.log()
        server.end()
        server.check_log()

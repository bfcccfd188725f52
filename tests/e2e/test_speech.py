"""Speech by the real engines: programs that speak, fail and hang."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from media.audio_file import Float, read_audio, resample
from media.codecs import CODECS
from pbx.records.client import RecordsClient
from pbx.records.studio_client import StudioClient
from pbx.settings import SpeechSettings
from pbx.speech.engine import SpeechEngine, speech_engine
from pbx.speech.program import run
from pbx.speech.rendering import spoken
from pbx.speech.request import SpeechError, SpeechRequest
from pbx.speech.template import sentences
from pbx.speech.voice import Voice
from sip.events import InviteFailed
from tests.e2e.baresip import Baresip
from tests.e2e.ports import Ports
from tests.e2e.script_phone import ScriptPhone
from tests.e2e.server import Server
from tests.e2e.sound import likeness, noise_speech, write_wav

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


def say(engine: SpeechEngine, text: str, voice: str = "en-us+f3", limit_s: float = 30.0) -> Float:
    request = SpeechRequest(text=text, language="en", voice=voice)
    with TemporaryDirectory() as folder:
        return asyncio.run(spoken(engine, request, limit_s, Path(folder)))


@pytest.mark.parametrize("name", ["espeak-ng", "pyttsx3"])
def test_an_engine_speaks(name: str) -> None:
    engine = speech_engine(name)
    short, long = say(engine, "One."), say(engine, "One two three four five six.")
    assert 0.1 < len(short) / 16000 < 1.5
    assert len(long) > 2 * len(short)
    assert np.abs(long).max() > 0.05
    assert 40 < len(say(engine, ("This is a sentence of the text. " * 40)[:990])) / 16000 < 90
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
    """By the real voice; a second run has nothing to do."""
    (tmp_path / "sounds/en").mkdir(parents=True)
    texts = "{number-7: seven, long: To listen to your messages press 1. To hang up press the star key.}"
    (tmp_path / "sounds/en/manifest.yaml").write_text(f"language: en\nvoice: en-us+f3\nprompts: {texts}\n")

    def build(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", "prompts", "build", "--sounds", str(tmp_path / "sounds")]
        command += ["--out", str(tmp_path / "out"), "--language", "en", *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)

    first = build()
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("en: 2 made, 0 kept, 0 removed, 0 failed")
    assert 2 < len(read_audio(tmp_path / "out/en/long.wav", 8000)) / 8000 < 10
    assert 0.1 < len(read_audio(tmp_path / "out/en/number-7.wav", 8000)) / 8000 < 0.8
    assert build().stdout.startswith("en: 0 made, 2 kept")
    assert build("--voice", "en=en-gb+m3 150").stdout.startswith("en: 2 made")
    unknown = build("--engine", "foo")
    assert unknown.returncode == 1
    assert "'foo' is not known" in unknown.stderr
    assert "give it like `en-us+f3 165`" in build("--voice", "en=-x").stderr
    wrong = build("--language", "xx")
    assert wrong.returncode == 2
    assert "language 'xx' has no manifest (allowed: en)" in wrong.stderr


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


class CodecPhone(ScriptPhone):
    """A phone that has one codec only, and keeps what it hears."""

    def __init__(self, server: Server, port: int, extension: str, payload_type: int, rtpmap: str) -> None:
        super().__init__(server, port, extension)
        self._format = (payload_type, rtpmap)
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.bind((server.host, 0))
        self._ear.setblocking(False)
        self._packets: list[bytes] = []

    def close(self) -> None:
        super().close()
        self._ear.close()

    def pump(self, timeout_s: float = 0.0) -> None:
        super().pump(timeout_s)
        with suppress(BlockingIOError):
            while True:
                self._packets.append(self._ear.recv(2048))

    @property
    def sdp(self) -> bytes:
        host, port = self._ear.getsockname()
        number, rtpmap = self._format
        lines = ("v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0")
        return "\r\n".join((*lines, f"m=audio {port} RTP/AVP {number}", f"a=rtpmap:{number} {rtpmap}", "")).encode()

    def heard(self, codec: str) -> Float:
        """What it heard, at 8 kHz."""
        assert {packet[1] & 0x7F for packet in self._packets} == {self._format[0]}
        decoder = CODECS[codec].decoder(16000)
        parts = [decoder.decode(packet[12:]) for packet in self._packets]
        return resample((np.concatenate(parts) / 32768).astype(np.float32), 16000, 8000)


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
        for codec, number, rtpmap in (("g722", 9, "G722/8000"), ("opus", 111, "opus/48000/2")):
            with closing(CodecPhone(server, ports.take(), "1007", number, rtpmap)) as ben:
                ben.invite("5999")
                assert ben.expect(InviteFailed).status == 404
                assert likeness(ben.heard(codec).astype(np.float64), played) > 0.8
        assert "welcome.mp3: cannot be read as sound" in server.log()
        server.end()
        server.check_log()

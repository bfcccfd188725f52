"""Rendering: a manifest becomes wave files, each only once, by an engine that is no program."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from media.audio_file import read_audio
from media.loudness import loudness_lufs
from pbx.speech.engine import checked, speech_engine
from pbx.speech.manifest import Manifest, ManifestError, manifests, read_manifest
from pbx.speech.recognition import recognition_engine
from pbx.speech.rendering import Report, render_manifest, spoken, trimmed
from pbx.speech.request import MOST_CHARACTERS, SpeechError, SpeechRequest
from pbx.speech.voice import Voice, voice_of
from tests.pbx.speech.say_table import SOUNDS

SAM = Voice(name="sam")


class Whistler:
    """Speaks every character as a tenth of a second of whistling between silences; fails on `?`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def speak(self, request: SpeechRequest, out: Path, limit_s: float) -> None:
        if "?" in request.text:
            raise SpeechError("I do not ask")
        if "!" in request.text:
            return
        self.said.append(request.text)
        at = np.arange(2205 * len(request.text)) / 22050
        silence = np.zeros(11025)
        soundfile.write(out, np.concatenate([silence, 0.9 * np.sin(2 * np.pi * 1000 * at), silence]), 22050)


def manifest(**texts: str) -> Manifest:
    return Manifest(language="en", voice=SAM, prompts=texts, grammar={"number-1": "one"})


def render(engine: Whistler, wanted: Manifest, out: Path, voice: Voice = SAM) -> Report:
    return asyncio.run(render_manifest(wanted, "whistle", engine, voice, out))


def test_a_prompt_is_spoken_once_until_something_of_it_changes(tmp_path: Path) -> None:
    engine = Whistler()
    first = render(engine, manifest(a="hello", b="bye"), tmp_path)
    assert (first.made, first.kept) == (["a", "b", "number-1"], [])
    assert render(engine, manifest(a="hello", b="bye"), tmp_path).kept == ["a", "b", "number-1"]
    assert render(engine, manifest(a="hello!!".strip("!"), b="good bye"), tmp_path).made == ["b"]
    (tmp_path / "a.wav").unlink()
    assert render(engine, manifest(a="hello", b="good bye"), tmp_path).made == ["a"]
    last = render(engine, manifest(b="good bye"), tmp_path)
    assert (last.removed, last.made) == (["a"], [])
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["b.wav", "number-1.wav"]
    assert render(engine, manifest(b="good bye"), tmp_path, Voice(name="joe")).made == ["b", "number-1"]


def test_what_fails_is_told_and_the_rest_is_spoken(tmp_path: Path) -> None:
    report = render(Whistler(), manifest(a="who?", b="bye", c="hey!"), tmp_path)
    assert report.made == ["b", "number-1"]
    assert report.faults[0] == "en/a: I do not ask"
    assert report.faults[1].startswith("en/c: the speech engine made no sound of the text")
    assert render(Whistler(), manifest(a="who", b="bye", c="hey"), tmp_path).made == ["a", "c"]


def test_an_engine_that_speaks_nothing_is_given_up(tmp_path: Path) -> None:
    texts = {f"a{index}": "who?" for index in range(50)}
    with pytest.raises(SpeechError, match="en: given up after 5 prompts: I do not ask"):
        render(Whistler(), manifest(**texts), tmp_path)
    assert len(render(Whistler(), manifest(first="hello", **texts), tmp_path).faults) == 50


def test_drafts_of_the_killed_are_taken_away(tmp_path: Path) -> None:
    for name, age_s in ((".speech-old", 7200), (".speech-new", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "speech.wav").touch()
        at_s = time.time() - age_s
        os.utime(tmp_path / name, (at_s, at_s))
    render(Whistler(), manifest(a="hello"), tmp_path)
    assert [path.name for path in tmp_path.glob(".speech*")] == [".speech-new"]


def test_a_spoken_text_is_trimmed_and_at_one_loudness(tmp_path: Path) -> None:
    render(Whistler(), manifest(a="hello"), tmp_path)
    sound = read_audio(tmp_path / "a.wav", 16000)
    assert len(sound) / 16000 == pytest.approx(0.5 + 0.02 + 0.12, abs=0.01)
    assert loudness_lufs(sound, 16000) == pytest.approx(-23.0, abs=0.2)
    assert abs(sound[0]) < 0.001
    assert not len(trimmed(np.zeros(100, dtype=np.float32), 16000))


@pytest.mark.parametrize(
    ("text", "voice", "told"),
    [
        ("  ", "sam", "nothing to say"),
        ("x" * (MOST_CHARACTERS + 1), "sam", "1001 characters; give at most 1000"),
        ("a\0b", "sam", "characters that are none"),
        ("\ud800", "sam", "characters that are none"),
        ("hello", "--path=/etc", "no name of a voice"),
        ("hello", "../../x", "no name of a voice"),
    ],
)
def test_what_no_engine_shall_get(tmp_path: Path, text: str, voice: str, told: str) -> None:
    request = SpeechRequest(text=text, language="en", voice=voice)
    with pytest.raises(SpeechError, match=told):
        checked(request)
    with pytest.raises(SpeechError, match=told):
        asyncio.run(spoken(Whistler(), request, 1.0, tmp_path))


def test_engines_that_are_not_there() -> None:
    with pytest.raises(SpeechError, match=r"'foo' is not known \(allowed: espeak-ng, pyttsx3, none\)"):
        speech_engine("foo")
    with pytest.raises(SpeechError, match="recognition engine 'foo' is not known"):
        recognition_engine("foo")


def test_voices() -> None:
    assert voice_of("en-us+f3 165") == voice_of(" en-us+f3") == Voice(name="en-us+f3")
    assert voice_of("Microsoft Huihui 200") == Voice(name="Microsoft Huihui", words_per_minute=200)
    for text in ("", "-x", "a/b", "en 20", "en 9999999999999", "None 165x "):
        with pytest.raises(ValueError, match="give it like"):
            voice_of(text)


def test_the_manifests_of_the_system_are_whole() -> None:
    found = manifests(SOUNDS)
    assert set(found) == {"en", "zh"}
    for language, path in found.items():
        read = read_manifest(path)
        assert read.language == language
        assert len(read.prompts) > 180
        assert not set(read.prompts) & set(read.grammar)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "give `language`"),
        ("- 1", "give `language`"),
        ("{", "is no YAML"),
        ("language: 5\nvoice: sam", "language: give one"),
        ("language: en\nvoice: -x", "give it like"),
        ("language: en\nvoice: sam\nwords_per_minute: fast", "give it like"),
        ("language: en\nvoice: sam\nprompts: [a]", "prompts: give names"),
        ("language: en\nvoice: sam\nprompts: {../x: a}", r"'\.\./x' is no name"),
        ("language: en\nvoice: sam\nprompts: {no: true}", "is no name|give a text"),
        ("language: en\nvoice: sam\ngrammar: {one: ''}", "grammar.one: give a text"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_told(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(content)
    with pytest.raises(ManifestError, match=told) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)

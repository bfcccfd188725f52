"""Tones and payload files."""

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from media.codecs import CODECS
from media.payload import PayloadError, prepare_payloads, read_payload, read_wav, write_payload
from media.tones import TONES, render

SOUNDS = Path(__file__).resolve().parents[2] / "sounds"


@pytest.mark.parametrize("country", list(TONES))
def test_tones_are_whole_frames_and_loop_without_a_click(country: str) -> None:
    for name, tone in TONES[country].items():
        samples = render(tone, 8000)
        assert len(samples) % 160 == 0, name
        steepest = np.abs(np.diff(samples.astype(int))).max()
        assert abs(int(samples[0]) - int(samples[-1])) <= steepest


def test_ringback_has_its_frequencies_and_cadence() -> None:
    samples = render(TONES["us"]["ringback"], 8000).astype(float)
    assert len(samples) == 6 * 8000
    assert not samples[2 * 8000 :].any()
    spectrum = np.abs(np.fft.rfft(samples[4000:12000]))
    assert sorted(np.argsort(spectrum)[-2:].tolist()) == [440, 480]


def test_level_is_as_said() -> None:
    samples = render(TONES["eu"]["dial"], 8000).astype(float)
    rms = np.sqrt(np.mean(samples**2)) / (32767 / np.sqrt(2))
    assert 20 * np.log10(rms) + 3.14 == pytest.approx(-13.0, abs=0.05)


def test_prepares_once_and_again_when_the_source_is_newer(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    (sounds / "en").mkdir(parents=True)
    source = sounds / "en" / "hello.wav"
    write_wav(source, np.arange(1000, dtype=np.int16))
    ready = prepare_payloads(sounds, tmp_path / "out", ["en"], ["PCMU", "pcma"])
    hello = ready["pcmu/en/hello"]
    assert (hello.duration_ms, hello.frame_bytes, hello.samples_per_frame) == (140, 160, 160)
    assert Path(hello.path).stat().st_size == 7 * 160
    assert ready["pcma/tones/cn/busy"].duration_ms == 700
    player = hello.player(3, 0, plays=None)
    assert (player.path, player.frame_bytes, player.plays) == (hello.path, 160, None)
    before = os.stat(hello.path)
    assert prepare_payloads(sounds, tmp_path / "out", ["en"], ["pcmu", "pcma"]) == ready
    assert os.stat(hello.path).st_ino == before.st_ino
    write_wav(source, np.arange(2000, dtype=np.int16))
    os.utime(source, ns=(before.st_mtime_ns + 10**9, before.st_mtime_ns + 10**9))
    assert prepare_payloads(sounds, tmp_path / "out", ["en"], ["pcmu"])["pcmu/en/hello"].duration_ms == 260


def test_own_prompts_are_ready_in_both_languages(tmp_path: Path) -> None:
    ready = prepare_payloads(SOUNDS, tmp_path, ["en", "zh"], ["pcmu"])
    for language in ("en", "zh"):
        for prompt in ("not-in-service", "welcome"):
            file = ready[f"pcmu/{language}/{prompt}"]
            assert 1000 <= file.duration_ms <= 6000
            heard = read_payload(Path(file.path), CODECS["pcmu"]).astype(float)
            assert np.sqrt(np.mean(heard**2)) > 500
            assert (SOUNDS / language / f"{prompt}.wav").stat().st_size < 80_000


def test_payload_reads_back_padded(tmp_path: Path) -> None:
    file = write_payload(tmp_path / "x.raw", np.full(100, 4000, dtype=np.int16), CODECS["l16"])
    assert file.duration_ms == 20
    assert read_payload(Path(file.path), CODECS["l16"]).tolist() == [4000] * 100 + [0] * 60


def test_errors_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    write_wav(tmp_path / "wide.wav", np.zeros(10, dtype=np.int16), rate_hz=44100)
    with pytest.raises(PayloadError, match=r"wide\.wav: 1 channel.*44100 Hz; make it mono, 16 bit, 8000 Hz"):
        read_wav(tmp_path / "wide.wav", 8000)
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(PayloadError, match="no WAV file"):
        read_wav(tmp_path / "text.wav", 8000)
    with pytest.raises(PayloadError, match="codec 'opus'"):
        prepare_payloads(SOUNDS, tmp_path, ["en"], ["opus"])
    with pytest.raises(PayloadError, match="language 'xx'"):
        prepare_payloads(SOUNDS, tmp_path, ["xx"], ["pcmu"])


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = 8000) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.astype("<i2").tobytes())

"""Audio files of many kinds, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from media.audio_file import AudioFileError, read_audio, resample, write_wav


def tone(rate_hz: int, seconds: float = 1.0, frequency_hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.float32)


def frequency(samples: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum)) * rate_hz / len(samples)


@pytest.mark.parametrize(
    ("name", "rate_hz"),
    [("a.wav", 44100), ("a.flac", 48000), ("a.ogg", 32000), ("a.mp3", 44100), ("a.aiff", 8000), ("a.wav", 16000)],
)
def test_a_tone_is_read_at_the_wanted_rate(tmp_path: Path, name: str, rate_hz: int) -> None:
    soundfile.write(tmp_path / name, tone(rate_hz), rate_hz)
    for wanted_hz in (8000, 16000):
        found = read_audio(tmp_path / name, wanted_hz)
        assert found.dtype == np.float32
        assert len(found) == pytest.approx(wanted_hz, rel=0.06)
        assert frequency(found, wanted_hz) == pytest.approx(440, abs=2)
        assert np.abs(found).max() == pytest.approx(0.5, abs=0.03)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left = tone(8000)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -left], axis=1), 8000)
    soundfile.write(tmp_path / "b.wav", np.stack([left, np.zeros_like(left)], axis=1), 8000)
    assert np.abs(read_audio(tmp_path / "a.wav", 8000)).max() < 1e-3
    assert np.abs(read_audio(tmp_path / "b.wav", 8000)).max() == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize(("suffix", "subtype"), [(".ulaw", "ULAW"), (".al", "ALAW"), (".gsm", "GSM610")])
def test_files_without_a_header_are_known_by_their_suffix(tmp_path: Path, suffix: str, subtype: str) -> None:
    soundfile.write(tmp_path / f"a{suffix}", tone(8000), 8000, format="RAW", subtype=subtype)
    found = read_audio(tmp_path / f"a{suffix}", 8000)
    assert len(found) >= 8000
    assert np.corrcoef(found[:8000], tone(8000))[0, 1] > 0.98


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "folder" / "a.wav", tone(16000), 16000)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.wav"]
    assert np.abs(read_audio(tmp_path / "folder" / "a.wav", 16000) - tone(16000)).max() < 1e-4


def test_resampling_has_no_delay() -> None:
    found = resample(tone(16000), 16000, 8000)
    assert np.abs(found[200:-200] - tone(8000)[200:-200]).max() < 1e-3


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    def refusal(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AudioFileError, match=name) as caught:
            read_audio(tmp_path / name, 8000)
        return str(caught.value)

    soundfile.write(tmp_path / "good.flac", tone(8000, 5.0) + np.random.default_rng(1).normal(0, 0.1, 40000), 8000)
    soundfile.write(tmp_path / "good.wav", tone(8000), 8000)
    flac, wav = (tmp_path / "good.flac").read_bytes(), (tmp_path / "good.wav").read_bytes()
    assert "empty" in refusal("empty.wav", b"")
    assert "cannot be read as sound" in refusal("text.wav", b"hello, this is not a sound")
    assert "make it WAV" in refusal("a.m4a", b"\0\0\0\x20ftypM4A ")
    assert "cannot be read as sound" in refusal("half.wav", wav[:20])
    assert "there is no sound in it" in refusal("headless.wav", wav[:44])
    refusal("cut.flac", flac[: len(flac) // 2])
    refusal("random.mp3", bytes(np.random.default_rng(7).integers(0, 256, 5000, dtype=np.uint8)))
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan]), 8000, subtype="FLOAT")
    assert "no numbers" in refusal("nan.wav", (tmp_path / "nan.wav").read_bytes())


def test_limits(tmp_path: Path) -> None:
    with (tmp_path / "big.wav").open("wb") as file:
        file.truncate((20 << 20) + 1)
    with pytest.raises(AudioFileError, match=r"big\.wav: 20\.0 MB; a sound file may have 20 MB"):
        read_audio(tmp_path / "big.wav", 8000)
    (tmp_path / "long.ulaw").write_bytes(b"\xff" * (8000 * 1801))
    with pytest.raises(AudioFileError, match=r"long\.ulaw: longer than 30 minutes"):
        read_audio(tmp_path / "long.ulaw", 8000)
    soundfile.write(tmp_path / "wide.wav", np.zeros((10, 40)), 8000)
    with pytest.raises(AudioFileError, match="40 channels"):
        read_audio(tmp_path / "wide.wav", 8000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(10), 500)
    with pytest.raises(AudioFileError, match="500 Hz"):
        read_audio(tmp_path / "slow.wav", 8000)
    with pytest.raises(FileNotFoundError):
        read_audio(tmp_path / "none.wav", 8000)

"""Tones and payload files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media.codecs import CODECS
from media.payload import PayloadError, encoding_rate_hz, read_frames, read_payload, write_payload
from media.payload_map import PayloadFiles
from media.tones import SIGNALS, TONES, render

SPOKEN = ("pcmu", "pcma", "g722", "opus")


def sine(rate_hz: int, seconds: float, frequency_hz: float = 500.0) -> np.ndarray:
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    return (8000 * np.sin(2 * np.pi * frequency_hz * at)).astype(np.int16)


@pytest.mark.parametrize("country", list(TONES))
def test_tones_are_whole_frames_and_loop_without_a_click(country: str) -> None:
    for name, tone in TONES[country].items():
        samples = render(tone, 8000)
        assert len(samples) % 160 == 0, name
        steepest = np.abs(np.diff(samples.astype(int))).max()
        assert abs(int(samples[0]) - int(samples[-1])) <= steepest


def test_signals_are_whole_frames() -> None:
    assert len(render(SIGNALS["silence"], 8000)) == 1600
    for name, tone in SIGNALS.items():
        samples = render(tone, 16000)
        assert len(samples) % 320 == 0, name
        assert samples.any() == (name != "silence")


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


def test_payload_reads_back_padded(tmp_path: Path) -> None:
    codec = CODECS["l16"]
    file = write_payload(tmp_path / "x.raw", np.full(100, 4000, dtype=np.int16), codec)
    assert file.duration_ms == 20
    heard = read_payload(Path(file.path), codec).tolist()
    assert heard[:100] == [4000] * 100
    assert not any(heard[100:])
    assert len(heard) == encoding_rate_hz(codec) // 50


@pytest.mark.parametrize("name", SPOKEN)
def test_every_codec_is_heard_and_is_mapped_for_ports(tmp_path: Path, name: str) -> None:
    codec = CODECS[name]
    rate_hz = encoding_rate_hz(codec)
    assert rate_hz == (8000 if name.startswith("pcm") else 16000)
    played = sine(rate_hz, 1.0)
    file = write_payload(tmp_path / "folder" / "x.raw", played, codec)
    assert (file.duration_ms, file.ptime_ms, file.samples_per_frame) == (1000, 20, codec.clock_rate // 50)
    assert file.frame_bytes == (0 if name == "opus" else 160)
    assert len(read_frames(Path(file.path), codec)) == 50
    assert len(PayloadFiles().get(file.player(1, 96))) == Path(file.path).stat().st_size
    heard = read_payload(Path(file.path), codec).astype(float)
    assert len(heard) == rate_hz
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) == 500
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.15)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["x.raw"]


@pytest.mark.parametrize("name", SPOKEN)
def test_a_loop_begins_as_it_goes_on(tmp_path: Path, name: str) -> None:
    """A whole number of periods, encoded as a loop, is as loud in its first frame as in those behind it."""
    codec = CODECS[name]
    rate_hz = encoding_rate_hz(codec)
    file = write_payload(tmp_path / "x.raw", sine(rate_hz, 0.4), codec, loop=True)
    decoder = codec.decoder(rate_hz)
    frames = read_frames(Path(file.path), codec)
    heard = [decoder.decode(frame).astype(float) for frame in frames * 2]
    power = [np.sqrt(np.mean(part**2)) for part in heard[len(frames) - 2 : len(frames) + 5]]
    assert max(power) / min(power) < 1.2


def test_framed_files_are_read_frame_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(b"\x03\x00abc\x00\x00\x01\x00d")
    assert read_frames(path, CODECS["opus"]) == [b"abc", b"", b"d"]
    for name, damage in (("opus", b"\x03\x00ab"), ("opus", b"\x03"), ("pcmu", bytes(161))):
        path.write_bytes(damage)
        with pytest.raises(PayloadError, match=r"x\.raw: .*delete it, it is made again at the next start"):
            read_frames(path, CODECS[name])

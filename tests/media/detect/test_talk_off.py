"""No key is heard in speech and music; other programs hear our keys, and we hear theirs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soxr  # type: ignore[import-untyped]

from media.audio_file import read_audio, to_int16
from media.codecs import Samples
from media.detect.dtmf import KEYS
from media.detect.dtmf_tone import DtmfTones
from media.detect.tone_pair import HIGH_HZ, LOW_HZ
from tests.media.detect.pulses import LAWS, Wave, digits, heard
from tests.media.speech import FOLDER

pytestmark = pytest.mark.e2e  # Half an hour of speech and music, and programs of others.

HOLD_MUSIC = Path(__file__).parents[3] / "sounds/music/hold.flac"
AT_ONCE = 48
TEXT = (
    "Welcome. Press one for sales, two for support, or stay on the line. Your call may be recorded. "
    "Oh no, who are you? A year ago we were away; now you owe me a new room, Mary. Zero, eight, nine, seven. "
) * 3


def tones(keys: str, duration_ms: int, gap_ms: int, rate_hz: int) -> Samples:
    made = DtmfTones(keys, duration_ms=duration_ms, gap_ms=gap_ms, rate_hz=rate_hz)
    frames = []
    while not made.over:
        frames.append(made.frame(rate_hz // 50))
    return np.concatenate(frames)


@pytest.mark.parametrize("law", LAWS)
def test_no_key_in_25_minutes_of_recorded_prompts(law: str) -> None:
    files = sorted(FOLDER.rglob("*.wav"), key=lambda path: path.stat().st_size)
    assert len(files) > 500, "install the package asterisk-core-sounds-en-wav"
    wrong = []
    for at in range(0, len(files), AT_ONCE):
        batch = files[at : at + AT_ONCE]
        found = heard([read_audio(path, 8000).astype(np.float64) * 32767 for path in batch], law)
        wrong += [f"{path.name}: {digits(keys)}" for path, keys in zip(batch, found, strict=True) if keys]
    assert wrong == []


@pytest.mark.parametrize("gain", [0.1, 0.5, 1.0, 3.0])
def test_no_key_in_the_music_on_hold(gain: float) -> None:
    music = read_audio(HOLD_MUSIC, 8000).astype(np.float64) * 32767 * gain
    assert digits(heard([music], "pcma")[0]) == ""


@pytest.mark.parametrize("voice", ["en", "en+f3", "en+f5", "en-us+m3"])
def test_no_key_in_synthetic_speech(voice: str, tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), TEXT], check=True, timeout=60)
    said: Wave = read_audio(path, 8000).astype(np.float64) * 32767
    assert digits(heard([said], "pcmu")[0]) == ""


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_another_program_hears_our_keys(rate_hz: int) -> None:
    keys = "1234567890*#ABCD1122"
    sound = to_int16(soxr.resample(tones(keys, 80, 80, rate_hz).astype(np.float32) / 32768, rate_hz, 22050))
    program = subprocess.run(
        ["multimon-ng", "-q", "-t", "raw", "-a", "DTMF", "-"],
        input=np.concatenate([sound, np.zeros(22050, dtype=np.int16)]).tobytes(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert "".join(re.findall(r"DTMF: (.)", program.stdout.decode())) == keys


@pytest.mark.parametrize("law", LAWS)
def test_we_hear_the_keys_of_another_program(law: str) -> None:
    parts = []
    for key in KEYS:
        place = KEYS.index(key)
        made = subprocess.run(
            [
                *["sox", "-n", "-r", "8000", "-b", "16", "-e", "signed", "-t", "raw", "-", "synth", "0.05"],
                *("sine", str(LOW_HZ[place >> 2]), "sine", str(HIGH_HZ[place & 3])),
                *["remix", "1v0.3,2v0.3", "pad", "0", "0.05"],
            ],
            capture_output=True,
            check=True,
            timeout=60,
        )
        parts.append(np.frombuffer(made.stdout, dtype="<i2").astype(np.float64))
    found = heard([np.concatenate(parts)], law)[0]
    assert digits(found) == KEYS
    assert all(abs(one.duration_ms - 50) <= 10 for one in found)


@pytest.mark.parametrize(("duration_ms", "gap_ms"), [(40, 40), (70, 50), (100, 100), (333, 60)])
def test_our_own_keys_are_heard_with_their_durations(duration_ms: int, gap_ms: int) -> None:
    found = heard([tones(KEYS, duration_ms, gap_ms, 8000).astype(np.float64)], "pcma")[0]
    assert digits(found) == KEYS
    assert all(abs(one.duration_ms - duration_ms) <= 5 for one in found)


@pytest.mark.parametrize(
    ("keys", "duration_ms", "gap_ms"), [("1!", 100, 100), ("", 100, 100), ("1", 10, 100), ("1", 100, 0)]
)
def test_what_cannot_be_said(keys: str, duration_ms: int, gap_ms: int) -> None:
    with pytest.raises(ValueError, match="give"):
        DtmfTones(keys, duration_ms=duration_ms, gap_ms=gap_ms, rate_hz=8000)

"""Talk-off and the limits of the DTMF receiver, and what detectors cost: `python -m bench.talk_off`, no server needed.

Keys that are heard in recorded prompts, music and synthetic speech are false ones. Rows are streams, a tick 20 ms.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.audio_file import read_audio
from media.codecs import CODECS, Samples
from media.detect.beep import BeepListener
from media.detect.dtmf import DtmfReceiver
from media.detect.dtmf_tone import DtmfTones
from media.detect.fax import FaxListener
from media.detect.tone_found import ToneListener
from media.detect.voice import VoiceListener

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
MUSIC = Path(__file__).parents[1] / "sounds/music/hold.flac"
VOICES = ("en", "en+f3", "en+f5", "en-us+m3", "de", "fr", "es", "ru", "zh")
GAINS_DB = (-20.0, 0.0, 10.0)
AT_ONCE = 48
ROWS = (1, 10, 100)
TICKS = 400
Sound = tuple[str, NDArray[np.float32]]


def main() -> None:
    """Print the counts and costs as JSON."""
    result: dict[str, object] = {"cost_us_per_row_tick": costs()}
    for name, sounds in sources().items():
        result[name] = {f"{gain_db:+.0f} dB": talk_off(sounds, gain_db) for gain_db in GAINS_DB}
        result[name]["seconds"] = round(sum(len(sound) for _, sound in sounds) / 8000)  # type: ignore[index]
    print(json.dumps(result, indent=1))


def sources() -> dict[str, list[Sound]]:
    """Sounds that hold no keys, 8 kHz within +-1."""
    prompts = [(path.stem, read_audio(path, 8000)) for path in sorted(PROMPTS.rglob("*.wav"))]
    return {
        "prompts": sorted(prompts, key=lambda one: len(one[1])),
        "music": [(MUSIC.stem, read_audio(MUSIC, 8000))],
        "synthetic speech": [(voice, spoken(voice, " ".join(name for name, _ in prompts))) for voice in VOICES],
        "chords": [("chords", chords(np.random.default_rng(3)))],
    }


def talk_off(sounds: list[Sound], gain_db: float) -> dict[str, int]:
    """How often each detector heard something."""
    makers: dict[str, Callable[[], DtmfReceiver | ToneListener]] = {
        "dtmf": DtmfReceiver,
        "fax": FaxListener,
        "beep": BeepListener,
    }
    counts = dict.fromkeys(makers, 0)
    for at in range(0, len(sounds), AT_ONCE):
        frames = coded([sound for _, sound in sounds[at : at + AT_ONCE]], 10 ** (gain_db / 20))
        for name, make in makers.items():
            counts[name] += heard(make(), frames)
    return counts


def heard(detector: DtmfReceiver | ToneListener, frames: Samples) -> int:
    """Count what a detector tells of int16[ticks, rows, 160]."""
    detector.arrange(list(range(frames.shape[1])))
    return sum(len(detector.process(frame)) for frame in frames)


def coded(sounds: list[NDArray[np.float32]], gain: float) -> Samples:
    """int16[ticks, rows, 160] through A-law."""
    ticks = -(-max(map(len, sounds)) // 160)
    rows = np.zeros((len(sounds), ticks * 160))
    for row, sound in enumerate(sounds):
        rows[row, : len(sound)] = sound
    law = CODECS["pcma"]
    levels = np.clip(np.round(rows * gain * 32767), -32768, 32767).astype(np.int16)
    return np.ascontiguousarray(
        law.decode_rows(law.encode_rows(levels)).reshape(len(sounds), ticks, 160).swapaxes(0, 1)
    )


def spoken(voice: str, text: str) -> NDArray[np.float32]:
    """What espeak-ng makes of a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text[:4000]], check=True, timeout=120)
        return read_audio(path, 8000)


def chords(rng: np.random.Generator) -> NDArray[np.float32]:
    """Twelve minutes of one to three notes with up to seven harmonics, the hardest of music."""
    parts = []
    for _ in range(3000):
        at = np.arange(int(8 * rng.choice([80, 125, 250, 500]))) / 8000
        wave = np.zeros(len(at))
        for _ in range(rng.integers(1, 4)):
            note_hz, fading = 110 * 2 ** (rng.integers(0, 48) / 12), np.exp(-at * rng.uniform(0, 8))
            for number in range(1, int(rng.integers(1, 8)) + 1):
                if note_hz * number < 3800:
                    softer = number ** rng.uniform(0.5, 2)
                    wave += np.sin(2 * np.pi * note_hz * number * at + rng.uniform(0, 6)) / softer * fading
        parts.append(wave * 0.075)
    return np.concatenate(parts).astype(np.float32)


def costs() -> dict[str, dict[str, float]]:
    """Microseconds of one tick of one row, in speech, in keys and in silence, by the number of rows."""
    speech = np.resize(read_audio(PROMPTS / "demo-congrats.wav", 8000), TICKS * 160)
    tones = DtmfTones("1590", duration_ms=100, gap_ms=100, rate_hz=8000).frame(800 * 8) / np.float32(32768)
    kinds: dict[str, NDArray[np.float32]] = {
        "speech": speech,
        "keys": np.resize(tones, TICKS * 160),
        "silence": np.zeros(TICKS * 160, np.float32),
    }
    makers: dict[str, Callable[[], DtmfReceiver | ToneListener]] = {
        "dtmf": DtmfReceiver,
        "fax": FaxListener,
        "beep": BeepListener,
        "voice": VoiceListener,
    }
    return {
        f"{name}, {kind}": {f"{rows} rows": cost(make(), sound, rows) for rows in ROWS}
        for name, make in makers.items()
        for kind, sound in kinds.items()
    }


def cost(detector: DtmfReceiver | ToneListener, sound: NDArray[np.float32], rows: int) -> float:
    """The median over the ticks, for one row."""
    frames = coded([np.roll(sound, 977 * row) for row in range(rows)], 1.0)
    detector.arrange(list(range(rows)))
    return round(float(np.median(list(timed(detector, frames)))) / rows / 1000, 2)


def timed(detector: DtmfReceiver | ToneListener, frames: Samples) -> Iterable[int]:
    for frame in frames:
        begun_ns = time.perf_counter_ns()
        detector.process(frame)
        yield time.perf_counter_ns() - begun_ns


if __name__ == "__main__":
    main()

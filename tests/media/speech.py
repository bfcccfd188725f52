"""Recorded speech for tests: prompts of a distribution package, 8 kHz mono."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]

from media.codecs import Samples

FOLDER = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


@cache
def speech(name: str = "agent-loginok", rate_hz: int = 8000) -> Samples:
    """Whole frames of 20 ms; other rates than 8000 hold nothing above 4 kHz."""
    path = FOLDER / f"{name}.wav"
    assert path.is_file(), f"{path} is missing: install the package asterisk-core-sounds-en-wav"
    with wave.open(str(path), "rb") as source:
        samples = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2").astype(np.int16)
    if rate_hz != 8000:
        samples = soxr.resample(samples, 8000, rate_hz)
    return samples[: len(samples) // (rate_hz // 50) * (rate_hz // 50)]


def frames(samples: Samples, rate_hz: int, ptime_ms: int = 20) -> list[Samples]:
    """Cut into whole frames."""
    size = rate_hz * ptime_ms // 1000
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]

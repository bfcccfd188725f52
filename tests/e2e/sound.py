"""Sound: signals that are like no other, and how much of one is in a recording."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

RATE_HZ: Final = 8000
Samples = NDArray[np.float64]


def noise_speech(seed: int, duration_s: float) -> Samples:
    """Noise in syllables, mono at 8 kHz, within +-0.5; another seed gives another signal, none repeats itself."""
    rng = np.random.default_rng(seed)
    count = int(duration_s * RATE_HZ)
    noise = rng.standard_normal(count)
    # A little low-pass, and loudness that changes four times a second but never falls silent.
    smooth = np.convolve(noise, (0.25, 0.5, 0.25), mode="same")
    loudness = np.repeat(rng.uniform(0.3, 1.0, count // 2000 + 1), 2000)[:count]
    shaped = smooth * loudness
    result: Samples = shaped * (0.5 / np.max(np.abs(shaped)))
    return result


def write_wav(path: Path, samples: Samples) -> None:
    """Write mono 16 bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def read_wav(path: Path) -> Samples:
    """The samples of 16 bit PCM of any rate as mono at 8 kHz, within +-1."""
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2, path
        channels, rate_hz = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64) / 32768
    mono = samples.reshape(-1, channels).mean(axis=1)
    resampled: Samples = mono if rate_hz == RATE_HZ else soxr.resample(mono, rate_hz, RATE_HZ)
    return resampled


def octets_per_second(path: Path) -> int:
    """Of the samples of a WAV file that may still be written; those of 8 kHz where it has no head yet."""
    head = path.read_bytes()[:32]
    return int.from_bytes(head[28:32], "little") if len(head) == 32 else 2 * RATE_HZ


def likeness(recording: Samples, played: Samples) -> float:
    """How much of `played` a recording holds: 1 all, near 0 nothing.

    The median over the recording's seconds of the normalised cross-correlation at the best lag: a phone that
    leaves out or repeats a frame to keep in step does not spoil the seconds before and after.
    """
    seconds = [recording[begin : begin + RATE_HZ] for begin in range(0, len(recording) - RATE_HZ + 1, RATE_HZ)]
    assert seconds, f"the recording is shorter than a second ({len(recording)} samples)"
    return float(np.median([_best_match(second, played) for second in seconds]))


def _best_match(part: Samples, whole: Samples) -> float:
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    products = np.fft.irfft(spectrum, size)[: len(whole) - len(part) + 1]
    squares = np.concatenate(([0.0], np.cumsum(whole**2)))
    power = squares[len(part) :] - squares[: -len(part)]
    norm = np.sqrt(np.maximum(power, 0.0) * np.sum(part**2))
    return float(np.max(np.abs(products) / np.maximum(norm, 1e-9)))

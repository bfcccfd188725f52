"""Splice: a pitch period more or less of a sound, joined where it is alike, so that its pitch stays (WSOLA)."""

from __future__ import annotations

from typing import Final

import numpy as np

from media.codecs import Samples

SHORTEST_MS: Final = 2.5
_LONGEST_MS: Final = 12.5
_FADE_S: Final = 0.005
_ALIKE: Final = 0.5
"""Correlation from which a join is not heard in speech."""
_QUIET: Final = 60.0
"""Level (RMS of 16-bit samples) below which any join is good."""


def shorter(samples: Samples, rate_hz: int, most: int) -> tuple[Samples, int]:
    """Leave a period of at most `most` samples out: (samples, how many fewer); none where it would be heard."""
    lag = _period(samples, rate_hz, most)
    fade = int(_FADE_S * rate_hz)
    if lag == 0 or len(samples) < lag + fade:
        return samples, 0
    joined = _crossfade(samples[:fade], samples[lag : lag + fade])
    return np.concatenate([joined, samples[lag + fade :]]), lag


def longer(samples: Samples, rate_hz: int, most: int) -> tuple[Samples, int]:
    """Repeat a period of at most `most` samples: (samples, how many more); none where it would be heard."""
    lag = _period(samples, rate_hz, most)
    fade = int(_FADE_S * rate_hz)
    if lag == 0 or len(samples) < lag + fade:
        return samples, 0
    joined = _crossfade(samples[lag : lag + fade], samples[:fade])
    return np.concatenate([samples[:lag], joined, samples[fade:]]), lag


def _period(samples: Samples, rate_hz: int, most: int) -> int:
    """The shift at which the sound is most like itself, 0 where it never is; `most` itself where that will do."""
    shortest, longest = int(SHORTEST_MS * rate_hz / 1000), int(_LONGEST_MS * rate_hz / 1000)
    fade = int(_FADE_S * rate_hz)
    exact = most <= longest
    longest = min(longest, len(samples) - fade, most)
    if not exact:
        # What would be left must be long enough for a splice of its own.
        longest = min(longest, most - shortest)
    if longest < shortest:
        return 0
    wave = samples.astype(np.float32)
    head = wave[:fade]
    if float(np.sqrt(np.mean(wave * wave))) < _QUIET:
        return longest
    windows = np.lib.stride_tricks.sliding_window_view(wave[shortest : longest + fade], fade)
    energy = np.sqrt(np.einsum("ij,ij->i", windows, windows) * float(head @ head)) + 1.0
    likeness = windows @ head / energy
    if exact and longest == most and likeness[-1] >= _ALIKE:
        return most
    best = int(np.argmax(likeness))
    return shortest + best if likeness[best] >= _ALIKE else 0


def _crossfade(going: Samples, coming: Samples) -> Samples:
    slope = np.linspace(0.0, 1.0, len(going), dtype=np.float32)
    joined: Samples = np.round(going * (1.0 - slope) + coming * slope).astype(np.int16)
    return joined

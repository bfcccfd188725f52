"""Loudness against the values of ITU-R BS.1770 and EBU Tech 3341."""

from __future__ import annotations

import math

import numpy as np
import pytest

from media.loudness import CEILING, levelled, limited, loudness_lufs


def sine(rate_hz: int, seconds: float, dbfs: float, frequency_hz: float = 997.0) -> np.ndarray:
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    return (10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency_hz * at)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_a_full_sine_is_3_lu_below_full_scale(rate_hz: int) -> None:
    """BS.1770-4 annex 1: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS."""
    assert loudness_lufs(sine(rate_hz, 5.0, 0.0), rate_hz) == pytest.approx(-3.01, abs=0.06)


def test_quiet_parts_are_gated() -> None:
    """Tech 3341 case 3, in one channel: -36, -23, -36 dBFS count as the loud part only."""
    parts = [sine(48000, 10.0, -36.0), sine(48000, 60.0, -23.0), sine(48000, 10.0, -36.0)]
    assert loudness_lufs(np.concatenate(parts), 48000) == pytest.approx(-26.0, abs=0.1)
    silence = np.zeros(48000 * 30, dtype=np.float32)
    assert loudness_lufs(np.concatenate([parts[1], silence]), 48000) == pytest.approx(-26.0, abs=0.1)


def test_the_ear_hardly_hears_the_lowest() -> None:
    low, middle = sine(16000, 3.0, -20.0, 30.0), sine(16000, 3.0, -20.0, 500.0)
    assert loudness_lufs(low, 16000) < loudness_lufs(middle, 16000) - 6.0


def test_short_and_silent_sounds() -> None:
    assert loudness_lufs(sine(16000, 0.2, -20.0), 16000) == pytest.approx(-23.0, abs=0.5)
    silence = np.zeros(16000, dtype=np.float32)
    assert loudness_lufs(silence, 16000) == -math.inf
    assert loudness_lufs(silence[:0], 16000) == -math.inf
    assert levelled(silence, 16000) is silence


@pytest.mark.parametrize("dbfs", [-45.0, -30.0, -3.0])
def test_sounds_come_to_one_loudness(dbfs: float) -> None:
    assert loudness_lufs(levelled(sine(16000, 2.0, dbfs), 16000), 16000) == pytest.approx(-23.0, abs=0.1)


def test_noise_is_not_made_loud_without_end() -> None:
    assert loudness_lufs(levelled(sine(16000, 2.0, -62.0), 16000), 16000) == pytest.approx(-35.0, abs=0.2)


def test_peaks_are_limited_and_the_rest_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    noise = (rng.standard_normal(16000) * 0.05).astype(np.float32)
    noise[8000] = 4.0
    held = limited(noise, 16000)
    assert np.abs(held).max() <= CEILING + 1e-6
    assert held[8000] == pytest.approx(CEILING, abs=1e-3)
    assert (held[:7900] == noise[:7900]).all()
    assert held[8100:] == pytest.approx(noise[8100:], abs=1e-6)

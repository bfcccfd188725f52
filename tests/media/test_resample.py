"""Resampling: band, delay, and rows that know nothing of each other; held against soxr."""

import numpy as np
import pytest
import soxr  # type: ignore[import-untyped]

from media.codecs import Samples
from media.resample import RATES_HZ, Resampler
from tests.media.speech import speech

PAIRS = [(one, other) for one in RATES_HZ for other in RATES_HZ if one != other]


def run(resampler: Resampler, samples: Samples, from_hz: int) -> Samples:
    """Frame by frame of 20 ms; int16[rows, n]."""
    size = from_hz // 50
    parts = [resampler.process(samples[:, at : at + size]) for at in range(0, samples.shape[1] - size + 1, size)]
    return np.concatenate(parts, axis=1)


def tones(frequencies: list[float], rate_hz: int, seconds: float = 0.4, level: float = 10000.0) -> Samples:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.round(level * np.sin(2 * np.pi * np.array(frequencies)[:, None] * at)).astype(np.int16)


def level_db(samples: Samples) -> np.ndarray:
    """Of each row beside 10000, its first 40 ms left out."""
    settled = samples[:, samples.shape[1] // 10 :].astype(float)
    return np.asarray(20 * np.log10(np.sqrt(np.mean(settled**2, axis=1)) / (10000 / np.sqrt(2)) + 1e-9))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_what_both_rates_can_carry_passes_unchanged(from_hz: int, to_hz: int) -> None:
    low = min(from_hz, to_hz)
    frequencies = [low * part for part in (0.02, 0.0375, 0.125, 0.25, 0.375, 0.4, 0.425, 0.4375)]
    resampler = Resampler(from_hz, to_hz, len(frequencies))
    heard = run(resampler, tones(frequencies, from_hz), from_hz)
    assert np.abs(level_db(heard)).max() < 0.3
    # Beside the same tones made at the other rate, behind by the delay: nothing but rounding and 60 dB of images.
    at = np.arange(heard.shape[1]) / to_hz - resampler.delay_s
    expected = 10000 * np.sin(2 * np.pi * np.array(frequencies)[:6, None] * at)
    error = (heard[:6] - expected)[:, heard.shape[1] // 10 :]
    assert np.sqrt(np.mean(error**2, axis=1)).max() < 10
    assert resampler.delay_s < 0.002


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_carry_is_60_db_down(from_hz: int, to_hz: int) -> None:
    frequencies = [part for part in np.linspace(0.55 * to_hz, from_hz / 2 * 0.98, 12).tolist() if part < from_hz / 2]
    heard = run(Resampler(from_hz, to_hz, len(frequencies)), tones(frequencies, from_hz), from_hz)
    assert level_db(heard).max() < -60


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(8000, 16000), (16000, 8000), (8000, 48000), (48000, 8000), (48000, 16000)]
)
def test_speech_is_as_by_soxr(from_hz: int, to_hz: int) -> None:
    narrow = soxr.resample(soxr.resample(speech().astype(np.float64), 8000, 6600), 6600, from_hz)
    spoken = np.round(narrow[: len(narrow) // (from_hz // 50) * (from_hz // 50)]).astype(np.int16)
    resampler = Resampler(from_hz, to_hz)
    ours = run(resampler, spoken[None], from_hz)[0].astype(float)
    theirs = soxr.resample(spoken.astype(np.float64), from_hz, to_hz)
    delay = round(resampler.delay_s * to_hz)
    both = min(len(ours) - delay, len(theirs))
    error = ours[delay : delay + both] - theirs[:both]
    assert 10 * np.log10(np.mean(theirs[:both] ** 2) / np.mean(error**2)) > 50


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 16000), (48000, 8000), (12000, 32000)])
def test_rows_know_nothing_of_each_other(from_hz: int, to_hz: int) -> None:
    rng = np.random.default_rng(3)
    samples = rng.integers(-32768, 32768, (30, from_hz // 10)).astype(np.int16)
    together = run(Resampler(from_hz, to_hz, 30), samples, from_hz).astype(int)
    alone = run(Resampler(from_hz, to_hz), samples[17:18], from_hz).astype(int)
    # Sums of floats in another order may round the other way.
    assert np.abs(together[17:18] - alone).max() <= 1
    samples[16] = 0
    again = run(Resampler(from_hz, to_hz, 30), samples, from_hz)
    assert not again[16].any()
    assert np.array_equal(np.delete(again, 16, axis=0), np.delete(together, 16, axis=0))


def test_rows_come_and_go() -> None:
    samples = tones([300, 700, 1100], 8000, 0.04)
    steady = Resampler(8000, 16000, 3)
    expected = [steady.process(samples[:, :160]), steady.process(samples[:, 160:])]
    resampler = Resampler(8000, 16000, 1)
    resampler.add(2)
    assert resampler.rows == 3
    assert np.array_equal(resampler.process(samples[:, :160]), expected[0])
    resampler.remove(1)
    assert np.abs(resampler.process(samples[[0, 2], 160:]).astype(int) - expected[1][[0, 2]]).max() <= 1
    resampler.reset(0)
    silent = resampler.process(np.zeros((2, 160), dtype=np.int16))
    assert not silent[0].any()
    assert silent[1].any()


def test_full_scale_is_cut_and_does_not_wrap() -> None:
    square = np.where(np.arange(1600) // 8 % 2, 32767, -32768).astype(np.int16)[None]
    heard = run(Resampler(8000, 16000), square, 8000)[0].astype(int)
    assert (heard.max(), heard.min()) == (32767, -32768)
    assert np.abs(np.diff(heard)).max() < 50000
    # The first half period, behind by the delay of 30 samples, stays on its side.
    assert np.all(heard[34:42] < -20000)


def test_frames_of_other_lengths_make_the_same_stream() -> None:
    samples = tones([440], 8000, 0.06)
    whole = Resampler(8000, 48000).process(samples)
    resampler = Resampler(8000, 48000)
    parts = [
        resampler.process(samples[:, :20]),
        resampler.process(samples[:, 20:260]),
        resampler.process(samples[:, 260:]),
    ]
    assert np.abs(np.concatenate(parts, axis=1).astype(int) - whole).max() <= 1
    assert resampler.process(np.zeros((1, 0), dtype=np.int16)).shape == (1, 0)


def test_errors_say_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="resampling from 8000 to 44100 Hz"):
        Resampler(8000, 44100)
    with pytest.raises(ValueError, match="two different ones"):
        Resampler(8000, 8000)
    with pytest.raises(ValueError, match=r"\(2, 150\): must be 1 rows of a multiple of 20 samples"):
        Resampler(8000, 16000).process(np.zeros((2, 150), dtype=np.int16))

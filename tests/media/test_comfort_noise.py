"""Comfort noise: payloads, levels and spectra, there and back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import BadPayload, Samples
from media.comfort_noise import ComfortNoise, NoiseMaker, noise


def level_dbov(samples: Samples) -> float:
    return float(-20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2)) / 32767))


def spectrum_db(samples: Samples) -> np.ndarray:
    """Power in 16 bands, the mean being 0 dB."""
    windows = samples[: len(samples) // 256 * 256].reshape(-1, 256) * np.hanning(256)
    power = np.mean(np.abs(np.fft.rfft(windows, axis=1)) ** 2, axis=0)[:128].reshape(16, 8).mean(axis=1)
    return np.asarray(10 * np.log10(power / power.mean()))


@pytest.mark.parametrize("level", [20, 40, 60, 75])
def test_noise_is_as_loud_as_said(level: int) -> None:
    made = noise(level, 8000, np.random.default_rng(1))
    assert level_dbov(made) == pytest.approx(level, abs=0.5)
    assert np.abs(spectrum_db(noise(40, 80_000, np.random.default_rng(1)))).max() < 1


def test_the_quietest_is_silence() -> None:
    assert not noise(127, 160, np.random.default_rng(1)).any()
    assert not NoiseMaker(np.random.default_rng(1)).make(160).any()


def test_payload_is_level_and_codes() -> None:
    assert ComfortNoise(level_dbov=66).pack() == b"\x42"
    assert ComfortNoise.parse(b"\x42") == ComfortNoise(level_dbov=66)
    described = ComfortNoise(level_dbov=50, reflection=(0, 127, 254))
    assert ComfortNoise.parse(described.pack()) == described
    assert ComfortNoise.parse(b"\xc2\xff") == ComfortNoise(level_dbov=66, reflection=(254,))
    assert len(ComfortNoise.parse(bytes(1400)).reflection) == 10
    with pytest.raises(BadPayload, match="the level is missing"):
        ComfortNoise.parse(b"")


def coloured(count: int) -> Samples:
    """Noise that falls off towards high frequencies, about -45 dBov."""
    wave = np.convolve(np.random.default_rng(2).standard_normal(count + 15), np.hanning(18)[1:-1], "valid")
    return np.round(wave / np.std(wave) * 184).astype(np.int16)


def test_noise_sounds_like_what_was_described() -> None:
    heard = coloured(40_000)
    described = ComfortNoise.of(heard)
    assert described.level_dbov == 45
    assert len(described.reflection) == 10
    # All-pole 1 + a1 z^-1: for what is loud in the lows the first coefficient is negative.
    assert described.reflection[0] < 30
    maker = NoiseMaker(np.random.default_rng(3))
    maker.hear(ComfortNoise.parse(described.pack()))
    made = np.concatenate([maker.make(160) for _ in range(250)])
    assert level_dbov(made) == pytest.approx(45, abs=0.5)
    loud = spectrum_db(heard) > -30
    assert np.abs(spectrum_db(made) - spectrum_db(heard))[loud].max() < 3
    assert loud.sum() >= 4


def test_level_alone() -> None:
    assert ComfortNoise.of(coloured(800), order=0) == ComfortNoise(level_dbov=45)
    assert ComfortNoise.of(np.zeros(160, dtype=np.int16)).level_dbov == 127
    assert ComfortNoise.of(np.zeros(0, dtype=np.int16)).level_dbov == 127
    assert ComfortNoise.of(np.full(160, -32768, dtype=np.int16)).level_dbov == 0
    assert ComfortNoise.of(np.ones(3, dtype=np.int16)).pack()[0] == 90


def test_frames_join_without_a_seam() -> None:
    maker = NoiseMaker(np.random.default_rng(4))
    # One pole near the circle: slow swings, in which a seam would stand out.
    maker.hear(ComfortNoise(level_dbov=30, reflection=(5,)))
    made = [maker.make(160).astype(int) for _ in range(50)]
    inside = max(np.abs(np.diff(frame)).max() for frame in made)
    seams = [abs(int(after[0]) - int(before[-1])) for before, after in pairwise(made)]
    assert max(seams) <= inside


def test_the_same_description_again_changes_nothing() -> None:
    description = ComfortNoise(level_dbov=40, reflection=(20, 150))
    once, again = NoiseMaker(np.random.default_rng(5)), NoiseMaker(np.random.default_rng(5))
    once.hear(description)
    again.hear(description)
    first = once.make(320)
    parts = [again.make(160)]
    again.hear(ComfortNoise.parse(description.pack()))
    parts.append(again.make(160))
    assert np.array_equal(first, np.concatenate(parts))


@given(st.binary(min_size=1, max_size=30))
def test_any_payload_makes_noise_of_its_level(payload: bytes) -> None:
    maker = NoiseMaker(np.random.default_rng(6))
    described = ComfortNoise.parse(payload)
    maker.hear(described)
    made = maker.make(160)
    assert made.shape == (160,)
    assert ComfortNoise.of(made).level_dbov >= min(described.level_dbov - 20, 100)

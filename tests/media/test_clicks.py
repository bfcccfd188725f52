"""What the tests take for a click."""

from __future__ import annotations

import numpy as np
import pytest

from tests.media.clicks import clicks


@pytest.mark.parametrize("hz", [300, 440, 1000, 2500])
def test_breaks_of_a_tone_are_clicks_and_the_tone_is_none(hz: int) -> None:
    at = np.arange(16000) / 8000
    tone = np.round(8000 * np.sin(2 * np.pi * hz * at))
    tone[:4000] *= np.linspace(0, 1, 4000)
    tone[-4000:] *= np.linspace(1, 0, 4000)
    assert clicks(tone.astype(np.int16)) == []
    hole, longer, jump = tone.copy(), tone.copy(), tone.copy()
    hole[8001:8009] = 0
    longer[8003:8163] = 0
    jump[8003:] = np.roll(tone, 3)[8003:] if hz > 1000 else -tone[8003:]
    assert [abs(one - 8002) <= 3 for one in clicks(hole.astype(np.int16))] == [True]
    assert [
        abs(one - place) <= 3 for one, place in zip(clicks(longer.astype(np.int16)), (8003, 8163), strict=True)
    ] == [True, True]
    assert [abs(one - 8003) <= 3 for one in clicks(jump.astype(np.int16))] == [True]


def test_silence_and_soft_noise_have_none() -> None:
    noise = np.random.default_rng(3).normal(0, 20, 16000).astype(np.int16)
    assert clicks(noise) == clicks(np.zeros(800, dtype=np.int16)) == []

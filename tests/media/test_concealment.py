"""Concealment: what is made in place of lost frames goes on smoothly, fades, and gives way smoothly."""

import numpy as np
import pytest
from pesq import pesq  # type: ignore[import-untyped]

from media.codecs import Samples
from media.concealment import Concealer
from tests.media.speech import frames, speech

RATES = [8000, 12000, 16000, 48000]


def voiced(rate_hz: int, seconds: float = 0.2, pitch_hz: float = 125.0) -> Samples:
    """A steady vowel-like sound: ten harmonics."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * pitch_hz * n * at + n) / n for n in range(1, 11))
    return np.round(6000 * np.asarray(wave)).astype(np.int16)


def primed(rate_hz: int, samples: Samples) -> Concealer:
    concealer = Concealer(rate_hz)
    for frame in frames(samples, rate_hz):
        assert concealer.good(frame) is frame
    return concealer


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("pitch_hz", [70.0, 125.0, 190.0])
def test_a_steady_sound_goes_on_as_if_nothing_was_lost(rate_hz: int, pitch_hz: float) -> None:
    whole = voiced(rate_hz, 0.12, pitch_hz)
    lost = rate_hz // 10
    concealed = primed(rate_hz, whole[:lost]).conceal(rate_hz // 100).astype(float)
    expected = whole[lost : lost + rate_hz // 100].astype(float)
    assert np.sum((concealed - expected) ** 2) < np.sum(expected**2) / 30


@pytest.mark.parametrize("rate_hz", RATES)
def test_no_click_where_it_begins_nor_where_it_ends(rate_hz: int) -> None:
    spoken = speech(rate_hz=rate_hz)
    ordinary = np.abs(np.diff(spoken.astype(int))).max()
    for seconds in (0.5, 0.7, 0.9, 1.1, 1.3):
        at = round(seconds * rate_hz)
        concealer = primed(rate_hz, spoken[:at])
        made = [concealer.conceal(rate_hz // 50) for _ in range(2)]
        again = concealer.good(spoken[at + rate_hz // 25 : at + rate_hz // 25 + rate_hz // 50])
        heard = np.concatenate([spoken[at - 10 : at], *made, again]).astype(int)
        assert np.abs(np.diff(heard)).max() <= ordinary


def test_it_fades_and_is_silent_after_60_ms() -> None:
    concealer = primed(8000, voiced(8000, pitch_hz=100.0))
    made = concealer.conceal(8000 // 10).astype(float).reshape(10, 80)
    loudness = np.sqrt(np.mean(made**2, axis=1))
    assert loudness[1] == pytest.approx(0.9 * loudness[0], rel=0.05)
    assert np.all(np.diff(loudness[:6]) < 0)
    assert not made[6:].any()


def test_frames_of_any_length_make_the_same_sound() -> None:
    whole = primed(16000, voiced(16000)).conceal(1600)
    piecewise = primed(16000, voiced(16000))
    parts = [piecewise.conceal(count) for count in (1, 99, 220, 480, 800)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_what_arrived_is_given_back_as_it_is_but_for_the_first_10_ms() -> None:
    spoken = speech()
    concealer = primed(8000, spoken[:8000])
    concealer.conceal(160)
    after = spoken[8160:8320]
    before = after.copy()
    blended = concealer.good(after)
    assert np.array_equal(after, before)
    assert np.array_equal(blended[80:], after[80:])
    assert not np.array_equal(blended[:20], after[:20])
    follows = spoken[8320:8480]
    assert concealer.good(follows) is follows


def test_silence_before_anything_arrived() -> None:
    concealer = Concealer(8000)
    assert concealer.conceal(160).tolist() == [0] * 160
    short = np.full(5, 1000, dtype=np.int16)
    assert len(concealer.good(short)) == 5
    assert len(concealer.conceal(0)) == 0
    assert concealer.conceal(160).shape == (160,)


def test_it_keeps_no_more_than_it_needs_and_none_of_the_callers_arrays() -> None:
    concealer = Concealer(8000)
    shared = np.zeros(160, dtype=np.int16)
    for _ in range(100):
        concealer.good(shared)
    shared[:] = 20000
    assert not concealer.conceal(160).any()
    for _ in range(1000):
        concealer.conceal(160)
    assert sum(map(len, concealer._recent)) <= 390 + 160


def test_full_scale_is_cut_and_does_not_wrap() -> None:
    square = np.where(np.arange(1760) // 32 % 2, 32767, -32768).astype(np.int16)
    made = primed(8000, square[:1600]).conceal(160)
    assert np.array_equal(np.sign(made), np.sign(square[1600:]))
    assert np.abs(made[:80].astype(int)).min() > 30000


@pytest.mark.parametrize(("lost_percent", "least_gain"), [(3, 0.2), (10, 0.4)])
def test_speech_with_losses_is_better_than_with_gaps(lost_percent: int, least_gain: float) -> None:
    spoken = np.concatenate([speech("agent-loginok"), speech("auth-incorrect")])
    rng = np.random.default_rng(lost_percent)
    concealer = Concealer(8000)
    gaps, concealed = [], []
    for frame in frames(spoken, 8000):
        lost = rng.random() < lost_percent / 100
        gaps.append(np.zeros_like(frame) if lost else frame)
        concealed.append(concealer.conceal(len(frame)) if lost else concealer.good(frame))
    with_gaps = pesq(8000, spoken, np.concatenate(gaps), "nb")
    assert pesq(8000, spoken, np.concatenate(concealed), "nb") > with_gaps + least_gain

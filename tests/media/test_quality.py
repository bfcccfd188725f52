"""The E-model against known values."""

import pytest

from media.codec import CODEC_FORMATS, COMPANIONS
from media.codecs import CODECS
from media.quality import IMPAIRMENTS, mean_opinion_score, rating, score


@pytest.mark.parametrize(
    ("value", "expected"), [(93.2, 4.41), (88.36, 4.30), (80, 4.02), (70, 3.60), (60, 3.10), (50, 2.58)]
)
def test_scores_of_ratings(value: float, expected: float) -> None:
    # ITU-T G.107 Annex B, table B.1.
    assert score(value) == pytest.approx(expected, abs=0.005)


def test_scores_stay_on_the_scale() -> None:
    assert [score(value) for value in (-50, 0, 3, 100, 129)] == [1.0, 1.0, 1.0, 4.5, 4.5]
    assert all(1.0 <= score(value / 10) <= 4.5 for value in range(-100, 1100))


@pytest.mark.parametrize(
    ("codec", "fraction_lost", "delay_ms", "expected"),
    [
        ("pcmu", 0.0, 0.0, 93.2),
        ("pcmu", 0.01, 50.0, 88.36),
        ("pcma", 0.05, 50.0, 93.2 - 1.2 - 95 * 5 / 30.1),
        ("g729", 0.0, 0.0, 82.2),
        ("g729", 0.02, 0.0, 82.2 - 84 * 2 / 21),
        ("pcmu", 0.0, 277.3, 93.2 - 0.024 * 277.3 - 11.0),
    ],
)
def test_ratings(codec: str, fraction_lost: float, delay_ms: float, expected: float) -> None:
    assert rating(IMPAIRMENTS[codec], fraction_lost, delay_ms) == pytest.approx(expected, abs=0.005)


def test_delay_is_half_the_round_trip_a_frame_and_the_jitter_buffer() -> None:
    # 20 + 20 + 2 * 5 ms.
    assert mean_opinion_score("PCMU", 0.01, 5.0, 40.0) == 4.30
    assert mean_opinion_score("PCMU", 0.0, 0.0, None) == mean_opinion_score("PCMU", 0.0, 0.0, 0.0)


def test_the_codec_counts() -> None:
    lossy = {name: mean_opinion_score(name, 0.03, 5.0, 40.0) for name in ("PCMA", "opus", "G722", "G729", "GSM")}
    assert all(value is not None for value in lossy.values())
    assert sorted(lossy, key=lambda name: lossy[name] or 0, reverse=True) == ["opus", "PCMA", "G722", "G729", "GSM"]
    assert mean_opinion_score("opus", 0.0, 0.0, None) == mean_opinion_score("PCMU", 0.0, 0.0, None)


def test_no_figure_where_there_is_none() -> None:
    assert mean_opinion_score("iLBC", 0.0, 0.0, None) is None
    assert mean_opinion_score(None, 0.0, 0.0, None) is None
    without = {name for name in CODEC_FORMATS if name not in IMPAIRMENTS} - COMPANIONS
    assert without == {"ilbc"}


def test_the_table_of_codecs_has_these_impairments() -> None:
    for name, codec in CODECS.items():
        assert codec.impairment == IMPAIRMENTS[name.partition("/")[0]]


@pytest.mark.parametrize("fraction_lost", [-1.0, 0.0, 0.5, 1.0, 7.0])
def test_any_count_gives_a_score(fraction_lost: float) -> None:
    value = mean_opinion_score("GSM", fraction_lost, 1e6, 1e6)
    assert value == 1.0

"""The DTMF receiver against the limits of ITU-T Q.24, through both laws of G.711, at every place in the frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from media.detect.dtmf import KEYS, DigitHeard, DtmfReceiver
from tests.media.detect.pulses import LAWS, Wave, amplitude, digits, heard, pulse, silence, through

pytestmark = pytest.mark.e2e  # A thousand keys for each limit.

Make = Callable[[str, np.random.Generator], Wave]
ROUNDS = 96


def tried(make: Make, law: str, count: int = ROUNDS) -> list[tuple[str, list[DigitHeard]]]:
    """Each key in its turn, beginning anywhere in a frame: what it was and what was heard."""
    rng = np.random.default_rng(24)
    keys = [KEYS[number % 16] for number in range(count)]
    waves = [np.concatenate([silence(40 + rng.uniform(0, 20)), make(key, rng), silence(80)]) for key in keys]
    return list(zip(keys, heard(waves, law), strict=True))


def taken(make: Make, law: str, count: int = ROUNDS) -> float:
    return sum(digits(found) == key for key, found in tried(make, law, count)) / count


def told(make: Make, law: str) -> int:
    return sum(len(found) for _, found in tried(make, law))


@pytest.mark.parametrize("law", LAWS)
class TestLimits:
    def test_40_ms_are_taken_and_23_ms_refused(self, law: str) -> None:
        assert taken(lambda key, rng: pulse(key, 40, rng), law) == 1.0
        assert told(lambda key, rng: pulse(key, 23, rng), law) == 0

    @pytest.mark.parametrize(("low", "high"), [(1, 1), (-1, -1), (1, -1), (-1, 1), (1, 0), (0, -1)])
    def test_frequencies_off_by_1_5_percent_are_taken_and_by_3_5_refused(self, law: str, low: int, high: int) -> None:
        def off(part: float) -> Make:
            return lambda key, rng: pulse(
                key, 50, rng, low_dbm0=-20, high_dbm0=-20, low_off=low * part, high_off=high * part
            )

        assert taken(off(0.015), law) == 1.0
        assert taken(off(0.018), law) == 1.0
        assert told(off(0.035), law) == 0
        assert told(off(0.04), law) == 0

    @pytest.mark.parametrize("part", [0.05, 0.06])
    def test_tones_between_the_frequencies_are_no_key(self, law: str, part: float) -> None:
        assert told(lambda key, rng: pulse(key, 100, rng, low_off=part, high_off=part), law) == 0

    def test_twist(self, law: str) -> None:
        assert taken(lambda key, rng: pulse(key, 50, rng, low_dbm0=-18, high_dbm0=-10), law) == 1.0
        assert taken(lambda key, rng: pulse(key, 50, rng, low_dbm0=-10, high_dbm0=-16), law) == 1.0
        assert told(lambda key, rng: pulse(key, 50, rng, low_dbm0=-24, high_dbm0=-10), law) == 0
        assert told(lambda key, rng: pulse(key, 50, rng, low_dbm0=-10, high_dbm0=-20), law) == 0

    @pytest.mark.parametrize("dbm0", [0, -10, -25, -35, -40])
    def test_dynamic_range(self, law: str, dbm0: float) -> None:
        assert taken(lambda key, rng: pulse(key, 50, rng, low_dbm0=dbm0, high_dbm0=dbm0), law) == 1.0

    def test_too_soft_is_no_key(self, law: str) -> None:
        assert told(lambda key, rng: pulse(key, 100, rng, low_dbm0=-46, high_dbm0=-46), law) == 0

    @pytest.mark.parametrize(("ratio_db", "least"), [(26, 1.0), (15, 1.0), (10, 0.98)])
    def test_noise(self, law: str, ratio_db: float, least: float) -> None:
        def noisy(key: str, rng: np.random.Generator) -> Wave:
            wave = np.concatenate([silence(40), pulse(key, 50, rng, low_dbm0=-20, high_dbm0=-20), silence(40)])
            return wave + rng.normal(0, amplitude(-20 - ratio_db) / np.sqrt(2), len(wave))

        assert taken(noisy, law, count=1008) >= least

    @pytest.mark.parametrize("above_db", [-10, 0, 12])
    def test_dial_tone(self, law: str, above_db: float) -> None:
        def over_dial_tone(key: str, rng: np.random.Generator) -> Wave:
            wave = np.concatenate([silence(100), pulse(key, 50, rng, low_dbm0=-18, high_dbm0=-18), silence(100)])
            at = np.arange(len(wave)) / 8000
            return wave + amplitude(-18 + above_db) * (np.sin(2 * np.pi * 350 * at) + np.sin(2 * np.pi * 440 * at))

        assert taken(over_dial_tone, law) == 1.0

    @pytest.mark.parametrize("gap_ms", [5, 10, 15])
    def test_a_short_break_does_not_split_a_key(self, law: str, gap_ms: float) -> None:
        assert (
            taken(lambda key, rng: np.concatenate([pulse(key, 50, rng), silence(gap_ms), pulse(key, 50, rng)]), law)
            == 1
        )

    @pytest.mark.parametrize("gap_ms", [30, 40])
    def test_40_ms_keys_with_short_gaps(self, law: str, gap_ms: float) -> None:
        def same_again(key: str, rng: np.random.Generator) -> Wave:
            return np.concatenate([np.concatenate([pulse(key, 40, rng), silence(gap_ms)]) for _ in range(5)])

        def all_keys(key: str, rng: np.random.Generator) -> Wave:
            return np.concatenate([np.concatenate([pulse(one, 40, rng), silence(gap_ms)]) for one in KEYS])

        assert all(digits(found) == key * 5 for key, found in tried(same_again, law))
        assert all(digits(found) == KEYS for _, found in tried(all_keys, law))

    def test_durations_are_right_within_10_ms(self, law: str) -> None:
        for ms in (40, 47, 63, 80, 101, 250, 777):
            for _, found in tried(lambda key, rng, ms=ms: pulse(key, ms, rng), law, 32):  # type: ignore[misc]
                assert [abs(one.duration_ms - ms) <= 6 for one in found] == [True]


def test_all_faults_at_once() -> None:
    def worn(key: str, rng: np.random.Generator) -> Wave:
        low, high = rng.choice([-0.015, 0.015], 2)
        wave = np.concatenate(
            [silence(40), pulse(key, 40, rng, low_dbm0=-28, high_dbm0=-22, low_off=low, high_off=high), silence(40)]
        )
        return wave + rng.normal(0, amplitude(-28 - 20) / np.sqrt(2), len(wave))

    assert taken(worn, "pcma", 320) >= 0.98


def test_the_beginning_of_a_key_is_told_while_it_lasts() -> None:
    rng = np.random.default_rng(1)
    sound = through(np.concatenate([silence(60), pulse("5", 500, rng), silence(100)]), "pcma")
    receiver = DtmfReceiver(begins=True)
    receiver.arrange([9])
    told = [
        (at // 8, one) for at in range(0, len(sound) - 159, 160) for one in receiver.process(sound[None, at : at + 160])
    ]
    assert [(one.key, one.digit, one.ended) for _, one in told] == [(9, "5", False), (9, "5", True)]
    assert told[0][0] <= 100
    assert 30 <= told[0][1].duration_ms <= 60


def test_rows_keep_their_streams_when_others_come_and_go() -> None:
    rng = np.random.default_rng(2)
    sound = through(np.concatenate([pulse("7", 90, rng), silence(70)]), "pcma").reshape(-1, 160)
    receiver = DtmfReceiver()
    none = np.zeros(160, dtype=np.int16)
    receiver.arrange([1, 2])
    found = receiver.process(np.stack([none, sound[0]]))
    receiver.arrange([2])
    for frame in sound[1:3]:
        found += receiver.process(frame[None])
    receiver.arrange([3, 2, 4])
    for frame in sound[3:]:
        found += receiver.process(np.stack([none, frame, none]))
    assert [(one.key, one.digit) for one in found] == [(2, "7")]
    assert abs(found[0].duration_ms - 90) <= 10


def test_no_rows() -> None:
    receiver = DtmfReceiver()
    receiver.arrange([])
    assert receiver.process(np.zeros((0, 160), dtype=np.int16)) == []


def test_full_scale_noise_is_no_key() -> None:
    rng = np.random.default_rng(5)
    assert not any(heard([rng.normal(0, 9000, 80_000) for _ in range(10)], "pcmu"))

"""Fax tones, beeps and voices, through A-law, at every place in the frames; and none of them in the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from media.detect.beep import BeepListener
from media.detect.fax import FaxListener
from media.detect.greeting import Greeting
from media.detect.tone_found import ToneFound, ToneListener
from media.detect.voice import VoiceListener
from tests.media.detect.pulses import Wave, amplitude, silence, through
from tests.media.speech import FOLDER, speech

pytestmark = pytest.mark.e2e  # Long sounds through every listener.


def tone(hz: float, ms: float, dbm0: float = -15.0) -> Wave:
    at = np.arange(round(ms * 8)) / 8000
    wave: Wave = amplitude(dbm0) * np.sin(2 * np.pi * hz * at)
    return wave


def hiss(ms: float, dbm0: float, seed: int = 1) -> Wave:
    return np.random.default_rng(seed).normal(0, amplitude(dbm0) / np.sqrt(2), round(ms * 8))


def heard(make: Callable[[], ToneListener], waves: list[Wave]) -> list[list[tuple[int, ToneFound]]]:
    """For each wave: (ms at which it was told, what)."""
    length = max(map(len, waves)) + 8000
    rows = np.zeros((len(waves), length + -length % 160))
    for row, wave in enumerate(waves):
        rows[row, : len(wave)] = wave
    coded = through(rows, "pcma")
    listener = make()
    listener.arrange(list(range(len(waves))))
    told: list[list[tuple[int, ToneFound]]] = [[] for _ in waves]
    for at in range(0, coded.shape[1], 160):
        for one in listener.process(coded[:, at : at + 160]):
            told[one.key].append((at // 8 + 20, one))
    return told


def names(told: list[tuple[int, ToneFound]]) -> list[str]:
    return [one.tone for _, one in told]


class TestFax:
    @pytest.mark.parametrize("hz", [1062.0, 1100.0, 1138.0])
    @pytest.mark.parametrize("dbm0", [-6.0, -25.0, -40.0])
    def test_calling_tones_within_their_tolerances(self, hz: float, dbm0: float) -> None:
        waves = [
            np.concatenate([silence(start), tone(hz, ms, dbm0), silence(3000), tone(hz, ms, dbm0)])
            for start in range(100, 120, 3)
            for ms in (425, 500, 575)
        ]
        for told in heard(FaxListener, waves):
            assert names(told) == ["cng", "cng"]
            assert all(390 <= one.after_ms <= 600 for _, one in told)

    @pytest.mark.parametrize(
        ("hz", "ms"), [(1100, 300), (1100, 800), (1100, 3000), (1000, 500), (1200, 500), (2100, 500)]
    )
    def test_other_tones_are_no_calling_tones(self, hz: float, ms: float) -> None:
        assert heard(FaxListener, [tone(hz, ms)]) == [[]]

    def test_in_noise(self) -> None:
        wave = np.concatenate([silence(200), tone(1100, 500, -20), silence(700)])
        assert names(heard(FaxListener, [wave + hiss(1400, -36)])[0]) == ["cng"]

    @pytest.mark.parametrize("hz", [2085.0, 2100.0, 2115.0])
    @pytest.mark.parametrize("modulated", [False, True])
    @pytest.mark.parametrize("reversed_ms", [None, 425, 475])
    def test_answering_tones(self, hz: float, modulated: bool, reversed_ms: int | None) -> None:
        wave = tone(hz, 3300, -14)
        at_ms = np.arange(len(wave)) / 8
        if reversed_ms is not None:
            wave = wave * (1 - 2 * (at_ms // reversed_ms % 2))
        if modulated:
            wave = wave * (1 + 0.2 * np.sin(2 * np.pi * 15 * at_ms / 1000))
        told = heard(FaxListener, [np.concatenate([silence(333), wave])])[0]
        assert names(told) == ["ced"]
        assert abs(told[0][0] - 333 - 1500) <= 60

    def test_a_shorter_one_is_none(self) -> None:
        assert heard(FaxListener, [tone(2100, 1300)]) == [[]]


class TestBeep:
    @pytest.mark.parametrize("ms", [110, 130, 400, 2900])
    @pytest.mark.parametrize("dbm0", [-10.0, -30.0])
    def test_beeps_of_any_frequency(self, ms: int, dbm0: float) -> None:
        waves = [
            np.concatenate([hiss(200 + hz % 20, -55), tone(hz, ms, dbm0), hiss(400, -55)])
            for hz in range(301, 1999, 53)
        ]
        for told in heard(BeepListener, waves):
            assert names(told) == ["beep"]
            assert abs(told[0][1].after_ms - ms) <= 20
            assert told[0][0] - 200 - ms <= 120

    def test_what_is_no_beep(self) -> None:
        waves = [
            tone(1000, 60),
            tone(1000, 4000),
            tone(2500, 500),
            tone(150, 500),
            tone(697, 200) + tone(1209, 200),
            np.concatenate([tone(700 + 3 * step, 10) for step in range(60)]),
            hiss(2000, -10),
            tone(1000, 400, -50),
        ]
        assert heard(BeepListener, waves) == [[]] * len(waves)

    def test_after_a_greeting(self) -> None:
        told = heard(BeepListener, [np.concatenate([speech("vm-intro").astype(float), silence(300), tone(1000, 500)])])
        assert names(told[0]) == ["beep"]


def test_tones_are_hardly_ever_heard_in_speech() -> None:
    files = sorted(FOLDER.glob("[a-d]*.wav"), key=lambda path: path.stat().st_size)
    waves = [speech(path.stem).astype(np.float64) for path in files if path.stem not in ("beep", "beeperr")]
    fax, beeps = [], []
    for at in range(0, len(waves), 40):
        fax += [one for told in heard(FaxListener, waves[at : at + 40]) for one in told]
        beeps += [one for told in heard(BeepListener, waves[at : at + 40]) for one in told]
    assert fax == []
    # One of them is a tone: two people hear that a third has joined.
    assert len(beeps) <= 5


class TestVoice:
    @pytest.mark.parametrize("name", ["agent-loginok", "vm-intro"])
    @pytest.mark.parametrize("noise_dbm0", [None, -48.0])
    def test_a_sentence(self, name: str, noise_dbm0: float | None) -> None:
        wave = np.concatenate([silence(600), speech(name).astype(np.float64), silence(1500)])
        if noise_dbm0 is not None:
            wave = wave + hiss(len(wave) / 8, noise_dbm0)
        told = heard(VoiceListener, [wave])[0]
        assert names(told) == ["voice", "silence"]
        assert told[0][0] <= 900
        assert abs(told[1][0] - 300 - 600 - len(speech(name)) / 8) <= 250

    @pytest.mark.parametrize("dbm0", [-70.0, -55.0, -40.0, -25.0])
    def test_steady_noise_is_no_voice(self, dbm0: float) -> None:
        assert heard(VoiceListener, [hiss(5000, dbm0)]) == [[]]

    def test_rows_keep_their_streams(self) -> None:
        sound = speech("vm-intro").reshape(-1, 160)
        none = np.zeros(160, dtype=np.int16)
        listener = VoiceListener()
        listener.arrange([1, 2])
        told = [one for frame in sound[:25] for one in listener.process(np.stack([none, frame]))]
        listener.arrange([2, 3])
        told += [one for frame in sound[25:] for one in listener.process(np.stack([frame, none]))]
        told += [one for _ in range(20) for one in listener.process(np.stack([none, none]))]
        assert [(one.key, one.tone) for one in told] == [(2, "voice"), (2, "silence")]


@pytest.mark.parametrize("make", [FaxListener, BeepListener, VoiceListener])
def test_no_rows_and_loudest_input(make: Callable[[], ToneListener]) -> None:
    listener = make()
    listener.arrange([])
    assert listener.process(np.zeros((0, 160), dtype=np.int16)) == []
    listener.arrange([1])
    for value in (-32768, 32767, 0):
        listener.process(np.full((1, 160), value, dtype=np.int16))


def test_the_end_of_a_greeting() -> None:
    greeting = Greeting(speech_ms=800, silence_ms=700)
    greeting.silence(50, 300)
    assert greeting.over_at_ms is None
    greeting.voice(500, 80)
    assert greeting.over_at_ms is None
    greeting.silence(1200, 300)
    assert greeting.over_at_ms is None, "480 ms of speech are not enough"
    greeting.voice(1400, 80)
    greeting.silence(2400, 300)
    assert greeting.spoken_ms == 480 + 780
    assert greeting.over_at_ms == 2100 + 700
    greeting.voice(2500, 80)
    assert greeting.over_at_ms is None

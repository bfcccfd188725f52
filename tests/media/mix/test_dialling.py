"""Keys as sound for a far end that takes nothing else, out of the mixer into independent ears."""

from __future__ import annotations

import numpy as np
import pytest

from media.codecs import CODECS, Samples
from media.event import DigitsSent
from media.mix_state import Mix
from tests.media.clicks import clicks
from tests.media.detect.pulses import digits, heard
from tests.media.mix.test_ears import Line, state
from tests.media.speech import speech


def sound(line: Line, port_id: int, codec: str, rate_hz: int) -> Samples:
    decoder = CODECS[codec].decoder(rate_hz)
    return np.concatenate([decoder.decode(payload) for payload in line.spoken[port_id] if payload])


def room(codec: str, rate_hz: int) -> Line:
    line = Line()
    line.mixer.put(1, 1, state("pcmu", mix=Mix(room=1, rate_hz=rate_hz), detect=()))
    line.mixer.put(2, 7, state(codec, mix=Mix(room=1, rate_hz=rate_hz), detect=()))
    line.says(1, "pcmu", speech("demo-congrats"), 8000)
    return line


@pytest.mark.parametrize(("codec", "rate_hz"), [("pcmu", 8000), ("pcma", 16000), ("opus", 48000), ("opus", 8000)])
@pytest.mark.parametrize(("duration_ms", "gap_ms"), [(50, 50), (90, 70), (333, 100)])
def test_keys_are_heard_with_their_durations(codec: str, rate_hz: int, duration_ms: int, gap_ms: int) -> None:
    line = room(codec, rate_hz)
    line.run(50)
    line.mixer.dial(2, 44, "19*0#D", duration_ms=duration_ms, gap_ms=gap_ms)
    ticks = -(-6 * (duration_ms + gap_ms) // 20)
    line.run(ticks)
    assert [one for one in line.events if isinstance(one, DigitsSent)] == [
        DigitsSent(port_id=2, revision=7, digits_id=44)
    ]
    line.run(10)
    found = heard([sound(line, 2, codec, 8000).astype(np.float64)], "pcma")[0]
    assert digits(found) == "19*0#D"
    assert all(abs(one.duration_ms - duration_ms) <= 10 for one in found)


def test_speech_waits_and_comes_back_and_nobody_else_hears_the_keys() -> None:
    line = room("pcmu", 8000)
    line.mixer.put(3, 1, state("pcmu", mix=Mix(room=1), detect=()))
    line.run(50)
    begin = len(sound(line, 2, "pcmu", 8000))
    line.mixer.dial(2, 1, "5", duration_ms=200, gap_ms=200)
    line.run(60)
    dialled, other = sound(line, 2, "pcmu", 8000), sound(line, 3, "pcmu", 8000)
    end = begin + 3200
    assert digits(heard([other.astype(np.float64)], "pcma")[0]) == ""
    assert np.array_equal(dialled[:begin], other[:begin])
    assert digits(heard([dialled[begin:end].astype(np.float64)], "pcma")[0]) == "5"
    assert np.abs(dialled[begin + 1640 : end]).max() <= 8, "the gap is silent"
    assert np.array_equal(dialled[end:], other[end:])


def test_who_has_just_come_and_hears_nobody_yet_hears_the_keys() -> None:
    line = Line()
    line.mixer.put(1, 1, state("pcmu", mix=Mix(room=1), detect=()))
    line.mixer.put(2, 1, state("pcmu", mix=Mix(room=1), detect=()))
    line.mixer.dial(2, 1, "42", duration_ms=80, gap_ms=80)
    line.run(25)
    assert digits(heard([sound(line, 2, "pcmu", 8000).astype(np.float64)], "pcma")[0]) == "42"


def test_edges_do_not_click() -> None:
    line = Line()
    line.mixer.put(1, 1, state("pcmu", mix=Mix(room=1), detect=()))
    line.mixer.put(2, 1, state("pcmu", mix=Mix(room=1), detect=()))
    line.run(10)
    line.mixer.dial(2, 1, "159#", duration_ms=100, gap_ms=100)
    line.run(50)
    assert clicks(sound(line, 2, "pcmu", 8000)) == []


def test_the_room_may_change_its_rate_meanwhile() -> None:
    line = room("pcmu", 8000)
    line.run(10)
    line.mixer.dial(2, 1, "1234", duration_ms=100, gap_ms=100)
    line.run(22)
    line.mixer.put(2, 8, state("pcmu", mix=Mix(room=1, rate_hz=16000), detect=()))
    line.run(40)
    assert digits(heard([sound(line, 2, "pcmu", 8000).astype(np.float64)], "pcma")[0]) == "1234"


def test_who_leaves_the_room_is_dialled_to_no_more() -> None:
    line = room("pcmu", 8000)
    line.run(5)
    line.mixer.dial(2, 1, "1234")
    line.run(5)
    line.mixer.drop(2)
    line.run(60)
    assert not [one for one in line.events if isinstance(one, DigitsSent)]


def test_what_cannot_be_dialled() -> None:
    line = room("pcmu", 8000)
    with pytest.raises(ValueError, match="port 9 is in no room"):
        line.mixer.dial(9, 1, "1")
    line.mixer.put(5, 1, state("pcmu"))
    with pytest.raises(ValueError, match="port 5 is in no room"):
        line.mixer.dial(5, 1, "1")
    with pytest.raises(ValueError, match="give some of 0-9"):
        line.mixer.dial(2, 1, "!")

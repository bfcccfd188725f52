"""Detectors in the mix path: what members say becomes events, at every rate, and never twice."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from media.codecs import CODECS, Samples
from media.detect.dtmf_tone import DtmfTones
from media.event import DigitReceived, PortEvent, ToneHeard
from media.mix.mixer import Mixer
from media.mix_state import Heard, Mix, Voice
from media.port_state import PortState
from tests.media.mix.network import TICK_NS
from tests.media.speech import speech

TYPES = {"pcmu": 0, "pcma": 8, "g722": 9, "opus": 111}
EVENTS = 101


def state(
    codec: str = "pcmu",
    *,
    mix: Mix | None = None,
    detect: tuple[str, ...] = ("dtmf",),
    ptime_ms: int = 20,
    **more: object,
) -> PortState:
    spoken = Heard(payload_type=TYPES[codec], codec=codec)
    voice = Voice(hear=(spoken,), speak=spoken, ptime_ms=ptime_ms)
    return PortState(voice=voice, mix=mix, detect=detect, **more)  # type: ignore[arg-type]


def keys(digits: str, rate_hz: int, duration_ms: int = 80, gap_ms: int = 80) -> Samples:
    made = DtmfTones(digits, duration_ms=duration_ms, gap_ms=gap_ms, rate_hz=rate_hz)
    frames = [np.zeros(rate_hz // 5, dtype=np.int16)]
    while not made.over:
        frames.append(made.frame(rate_hz // 50))
    return np.concatenate([*frames, np.zeros(rate_hz, dtype=np.int16)])


class Line:
    """Ports whose far ends say something, tick by tick."""

    def __init__(self) -> None:
        self.mixer = Mixer()
        self.payloads: dict[int, tuple[str, list[bytes]]] = {}
        self.events: list[PortEvent] = []
        self.spoken: dict[int, list[bytes]] = {}
        self.ticks = 0

    def says(self, port_id: int, codec: str, sound: Samples, rate_hz: int) -> None:
        encoder = CODECS[codec].encoder(rate_hz, None)
        size = rate_hz // 50
        self.payloads[port_id] = (
            codec,
            [encoder.encode(sound[at : at + size]) for at in range(0, len(sound) - size + 1, size)],
        )

    def run(self, ticks: int, presses: dict[int, tuple[int, bytes]] | None = None) -> list[DigitReceived]:
        """`presses`: tick -> (port, event payload)."""
        before = len(self.events)
        for _ in range(ticks):
            number = self.ticks
            now_ns = (number + 1) * TICK_NS
            arrived_ns = now_ns - 9_000_000
            arrivals = []
            for port_id, (codec, payloads) in self.payloads.items():
                if number < len(payloads):
                    units = number * CODECS[codec].samples_per_frame(20)
                    arrivals.append(
                        (port_id, now_ns - 9_000_000, port_id, number, units, TYPES[codec], False, payloads[number])
                    )
            if presses and number in presses:
                port_id, payload = presses[number]
                arrivals.append((port_id, arrived_ns, port_id, 40_000 + number, 160, EVENTS, False, payload))
            for port_id, payload, _, _ in self.mixer.tick(now_ns, arrivals):
                self.spoken.setdefault(port_id, []).append(payload)
            self.events += self.mixer.events()
            self.ticks += 1
        return [one for one in self.events[before:] if isinstance(one, DigitReceived)]


@pytest.mark.parametrize(("codec", "rate_hz"), [("pcmu", 8000), ("pcma", 8000), ("g722", 16000), ("opus", 48000)])
@pytest.mark.parametrize("room_hz", [None, 8000, 16000, 48000])
def test_keys_are_heard_in_every_room_and_codec(codec: str, rate_hz: int, room_hz: int | None) -> None:
    line = Line()
    mix = None if room_hz is None else Mix(room=1, rate_hz=room_hz)
    line.mixer.put(5, 3, state(codec, mix=mix))
    line.says(5, codec, keys("159#", rate_hz), rate_hz)
    heard = line.run(120)
    assert "".join(one.digit for one in heard) == "159#"
    assert {(one.port_id, one.revision) for one in heard} == {(5, 3)}
    assert all(abs(one.duration_ms - 80) <= 10 for one in heard)


def test_only_those_are_listened_to_that_ask_for_it_and_the_muted_too() -> None:
    line = Line()
    line.mixer.put(1, 1, state(mix=Mix(room=1, muted=True)))
    line.mixer.put(2, 1, state(mix=Mix(room=1), detect=()))
    line.mixer.put(3, 1, state("g722", mix=Mix(room=2, rate_hz=16000)))
    line.says(1, "pcmu", keys("12", 8000), 8000)
    line.says(2, "pcmu", keys("45", 8000), 8000)
    line.says(3, "g722", keys("78", 16000), 16000)
    heard = line.run(100)
    assert sorted((one.port_id, one.digit) for one in heard) == [(1, "1"), (1, "2"), (3, "7"), (3, "8")]


def test_a_key_under_way_survives_those_who_come_and_go() -> None:
    line = Line()
    line.mixer.put(1, 1, state("g722", mix=Mix(room=1, rate_hz=16000)))
    line.says(1, "g722", keys("9", 16000, duration_ms=400), 16000)
    line.run(20)
    line.mixer.put(2, 1, state("g722", mix=Mix(room=1, rate_hz=16000)))
    line.mixer.put(3, 1, state())
    line.run(3)
    line.mixer.drop(2)
    heard = line.run(60)
    assert [(one.port_id, one.digit) for one in heard] == [(1, "9")]
    assert abs(heard[0].duration_ms - 400) <= 10


def test_nothing_is_heard_any_more_when_it_is_no_longer_asked_for() -> None:
    line = Line()
    line.mixer.put(1, 1, state(mix=Mix(room=1)))
    line.says(1, "pcmu", keys("123", 8000), 8000)
    line.run(15)
    line.mixer.put(1, 2, state(mix=Mix(room=1), detect=()))
    assert line.run(60) == []


def event(code: int, duration: int) -> bytes:
    return struct.pack("!BBH", code, 10, duration)


class TestKeysThatComeTwice:
    def pressed(self, digits: str, presses: dict[int, tuple[int, bytes]], *, mode: str = "withhold") -> str:
        line = Line()
        line.mixer.put(1, 1, state(mix=Mix(room=1), event_types=((EVENTS, 8000),), digits=mode))
        line.says(1, "pcmu", keys(digits, 8000), 8000)
        return "".join(one.digit for one in line.run(120, presses))

    def test_as_an_event_and_in_the_sound(self) -> None:
        # The sound of the keys begins at ticks 10 and 18.
        presses = {tick: (1, event(1, 160 * (tick - 10))) for tick in range(11, 15)}
        presses |= {tick: (1, event(5, 160 * (tick - 18))) for tick in range(19, 23)}
        assert self.pressed("15", presses) == ""

    def test_when_the_event_comes_a_little_later(self) -> None:
        assert self.pressed("1", {19: (1, event(1, 640))}) == ""

    def test_another_key_in_the_sound_is_a_key(self) -> None:
        assert self.pressed("2", {13: (1, event(1, 640))}) == "2"

    def test_the_same_key_much_later_is_a_key(self) -> None:
        assert self.pressed("1159", {13: (1, event(5, 640))}) == "119"
        line = Line()
        line.mixer.put(1, 1, state(mix=Mix(room=1), event_types=((EVENTS, 8000),), digits="copy"))
        silence = np.zeros(8000 * 2, dtype=np.int16)
        line.says(1, "pcmu", np.concatenate([silence, keys("4", 8000)]), 8000)
        heard = line.run(200, {10: (1, event(4, 640))})
        assert [one.digit for one in heard] == ["4"]

    def test_where_events_are_not_reported_the_sound_is(self) -> None:
        assert self.pressed("1", {13: (1, event(1, 640))}, mode="pass") == "1"

    def test_events_of_no_key_and_empty_ones_do_no_harm(self) -> None:
        assert self.pressed("1", {13: (1, b""), 14: (1, event(99, 10)), 15: (1, event(16, 10))}) == "1"


def test_other_detectors_tell_what_they_hear() -> None:
    at = np.arange(4000) / 8000
    tone = np.round(4000 * np.sin(2 * np.pi * 1100 * at)).astype(np.int16)
    silence = np.zeros(4000, dtype=np.int16)
    line = Line()
    line.mixer.put(1, 4, state(mix=Mix(room=1), detect=("fax", "beep")))
    line.mixer.put(2, 1, state(detect=("voice", "dtmf")))
    line.mixer.put(3, 1, state(detect=("beep",)))
    line.says(1, "pcmu", np.concatenate([silence, tone, silence]), 8000)
    line.says(2, "pcmu", np.concatenate([silence, speech("vm-intro"), silence]), 8000)
    line.run(400)
    told = [(one.port_id, one.revision, one.tone) for one in line.events if isinstance(one, ToneHeard)]
    assert sorted(told) == [(1, 4, "beep"), (1, 4, "cng"), (2, 1, "silence"), (2, 1, "voice")]

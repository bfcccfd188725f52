"""Faults of the mix path: what goes wrong with one member is counted, and heard by nobody else."""

from __future__ import annotations

import numpy as np
import pytest

from media.codecs import CODECS, Samples
from media.frame_rows import Spoken
from media.mix.mixer import Mixer
from media.mix.playout import Playout
from media.mix.speaker import Speaker
from media.mix_runner import TICK_NS, MixRunner
from media.mix_state import Mix
from tests.media.datapath_bench import Bench
from tests.media.mix.network import tone
from tests.media.mix.test_ears import Line, state


class Breakage(Exception):
    pass


class BrokenPlayout(Playout):
    """Fails as long as anything waits."""

    def pull(self) -> bytes | Samples | None:
        if self.waiting:
            raise Breakage
        return None


def room(codec: str = "pcmu") -> Line:
    line = Line()
    for port_id in (1, 2, 3):
        line.mixer.put(port_id, 1, state(codec, mix=Mix(room=9, rate_hz=8000), detect=()))
        line.says(port_id, codec, tone(4.0, hz=300.0 * port_id), 8000)
    return line


def heard(line: Line, port_id: int, hz: float) -> float:
    """Level of a tone in the last second that a member heard."""
    decoder = CODECS["pcmu"].decoder(8000)
    wave = np.concatenate([decoder.decode(payload) for payload in line.spoken[port_id][-50:]]).astype(float)
    return float(abs(np.exp(-2j * np.pi * hz / 8000 * np.arange(len(wave))) @ wave) / len(wave))


def test_a_member_that_cannot_be_played_stops_nobody_else(capfd: pytest.CaptureFixture[str]) -> None:
    line = room()
    member = line.mixer.member(2)
    assert member is not None
    member.playout = BrokenPlayout(clock_rate=8000, rate_hz=8000, types=member.playout.types)
    line.run(150)
    assert [len(line.spoken[port_id]) for port_id in (1, 2, 3)] == pytest.approx([150] * 3, abs=10)
    assert heard(line, 1, 900.0) > 1000.0
    assert heard(line, 2, 300.0) > 1000.0
    assert heard(line, 1, 600.0) < 100.0
    assert member.playout.counts.faults > 100
    assert capfd.readouterr().err.count("Traceback") <= 8, "not at each tick"


def test_a_member_that_cannot_be_spoken_to_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    line = room()
    # Half the packet time: not by the table, but one by one.
    line.mixer.put(2, 2, state("pcmu", mix=Mix(room=9, rate_hz=8000), detect=(), ptime_ms=10))

    def broken(self: Speaker, samples: Samples) -> list[bytes]:
        raise Breakage

    monkeypatch.setattr(Speaker, "payloads", broken)
    line.run(100)
    assert [len(line.spoken.get(port_id, [])) for port_id in (1, 2, 3)] == pytest.approx([100, 0, 100], abs=10)
    assert heard(line, 1, 600.0) > 1000.0
    faults = [member.playout.counts.faults for member in map(line.mixer.member, (1, 2, 3)) if member is not None]
    assert faults == [0, pytest.approx(100, abs=10), 0]


def test_detectors_that_fail_do_not_stop_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    line = room()
    line.mixer.put(3, 2, state("pcmu", mix=Mix(room=9, rate_hz=8000), detect=("dtmf",)))

    def broken(self: object) -> list[object]:
        raise Breakage

    monkeypatch.setattr("media.mix.ears.Ears.hear", broken)
    line.run(100)
    assert len(line.spoken[1]) > 90
    one, three = line.mixer.member(1), line.mixer.member(3)
    assert one is not None
    assert three is not None
    assert (one.playout.counts.faults, three.playout.counts.faults > 90) == (0, True)


def test_a_tick_that_fails_is_not_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Mixer, tick_ns: int, arrivals: object) -> list[Spoken]:
        raise Breakage

    monkeypatch.setattr(Mixer, "tick", broken)
    bench.port(1)
    runner = MixRunner(bench.path)
    runner.put(1, 1, state("pcmu", mix=Mix(room=9, rate_hz=8000), detect=()), 0)
    for number in range(1, 5):
        assert runner.due_ns == number * TICK_NS
        with pytest.raises(Breakage):
            runner.run(number * TICK_NS)

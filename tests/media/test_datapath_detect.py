"""Contract of both data paths with the mix runner: keys in the sound and as events, out of real sockets."""

from __future__ import annotations

import struct

import numpy as np

from media.codecs import CODECS
from media.datapath import Datapath
from media.detect.dtmf_tone import DtmfTones
from media.event import DigitReceived
from media.frame_rows import Arrival
from media.mix_runner import TICK_NS, MixRunner
from media.mix_state import Heard, Mix, Voice
from media.port_state import Digits, PortState
from tests.media.datapath_bench import Bench
from tests.media.phone import Phone, Phones, until

PCMU = Heard(payload_type=0, codec="pcmu")
EVENTS = 101


class Punctual:
    """A data path whose packets came 9 ms before the tick that takes them, however long the sockets took."""

    def __init__(self, path: Datapath) -> None:
        self.path = path
        self.now_ns = 0

    def arrivals(self) -> list[Arrival]:
        return [(row[0], self.now_ns - 9_000_000, *row[2:]) for row in self.path.arrivals()]

    def __getattr__(self, name: str) -> object:
        return getattr(self.path, name)


def pressed(bench: Bench, phone: Phone, digits: str, *, mode: Digits, events: bool) -> str:
    """What is reported, in the sound and as events together."""
    port = bench.port(1)
    punctual = Punctual(bench.path)
    runner = MixRunner(punctual)  # type: ignore[arg-type]
    state = PortState(
        remote_rtp=phone.address,
        voice=Voice(hear=(PCMU,), speak=PCMU),
        mix=Mix(room=1),
        detect=("dtmf",),
        event_types=((EVENTS, 8000),),
        digits=mode,
    )
    runner.put(1, 1, state, 0)
    tones = DtmfTones(digits, duration_ms=100, gap_ms=100, rate_hz=8000)
    encoder = CODECS["pcmu"].encoder(8000)
    told: list[object] = []
    sent = 0
    for tick in range(10 * len(digits) + 60):
        phone.send(port, encoder.encode(np.zeros(160, dtype=np.int16) if tones.over else tones.frame(160)))
        sent += 1
        number, step = divmod(tick, 10)
        if events and number < len(digits) and step < 5:
            press = struct.pack("!BBH", int(digits[number]), 0x80 if step == 4 else 0, 160 * (step + 1))
            after = phone.timestamp
            phone.timestamp = (after - 160 * (step + 1)) & 0xFFFFFFFF
            phone.send(port, press, EVENTS)
            phone.timestamp = after
            sent += 1
        until(lambda sent=sent: bench.path.stats(1).packets_received == sent)  # type: ignore[misc]
        punctual.now_ns = (tick + 1) * TICK_NS
        runner.run(punctual.now_ns)
        told += [*bench.path.events(), *runner.events()]
    return "".join(one.digit for one in told if isinstance(one, DigitReceived))


def test_keys_in_the_sound(bench: Bench, phones: Phones) -> None:
    assert pressed(bench, phones(5), "1590", mode="withhold", events=False) == "1590"


def test_keys_that_come_as_events_too_are_reported_once(bench: Bench, phones: Phones) -> None:
    assert pressed(bench, phones(5), "1150", mode="withhold", events=True) == "1150"


def test_keys_whose_events_are_passed_unread_are_reported_once(bench: Bench, phones: Phones) -> None:
    assert pressed(bench, phones(5), "73", mode="pass", events=True) == "73"

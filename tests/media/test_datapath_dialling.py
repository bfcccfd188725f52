"""Contract of both data paths: digits sent to the far end as events, in one stream with the sound."""

import itertools
import time
from pathlib import Path

import pytest

from media.event import DigitsSent
from media.port_state import Player, PortState, SentDigits
from media.rtp import RtpPacket
from tests.media.datapath_bench import Bench
from tests.media.phone import Phone, Phones, until
from tests.media.test_datapath_player import prompt

pytestmark = pytest.mark.e2e  # In real time: a key takes as long as it takes.


def sent(bench: Bench) -> list[DigitsSent]:
    return [event for event in bench.events() if isinstance(event, DigitsSent)]


def duration(packet: RtpPacket) -> int:
    return int.from_bytes(packet.payload[2:], "big")


def contiguous(heard: list[RtpPacket]) -> bool:
    return all((later.sequence - earlier.sequence) & 0xFFFF == 1 for earlier, later in itertools.pairwise(heard))


def dialled(bench: Bench, phone: Phone, digits: SentDigits) -> list[RtpPacket]:
    """Everything that the phone hears until the digits are said to be sent."""
    heard: list[RtpPacket] = []
    bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, send_digits=digits))
    until(lambda: sent(bench))
    heard += phone.drain()
    return heard


def test_a_digit_is_updates_and_three_ends(bench: Bench, phones: Phones) -> None:
    heard = dialled(bench, phones(1), SentDigits(id=4, digits="5", payload_type=101))
    assert [duration(packet) for packet in heard] == [160, 320, 480, 640, 800, 800, 800]
    assert [packet.payload[1] for packet in heard] == [10] * 4 + [0x8A] * 3
    assert {packet.payload[0] for packet in heard} == {5}
    assert {packet.payload_type for packet in heard} == {101}
    assert [packet.marker for packet in heard] == [True] + [False] * 6
    assert len({packet.timestamp for packet in heard}) == 1
    assert len({packet.ssrc for packet in heard}) == 1
    assert contiguous(heard)
    assert sent(bench) == [DigitsSent(port_id=1, revision=1, digits_id=4)]


def test_several_digits_follow_each_other_on_time(bench: Bench, phones: Phones) -> None:
    begun = time.monotonic()
    heard = dialled(bench, phones(1), SentDigits(id=4, digits="1*D", payload_type=96, duration_ms=60, gap_ms=40))
    assert time.monotonic() - begun >= 0.28
    assert [packet.payload[0] for packet in heard] == [1] * 5 + [10] * 5 + [15] * 5
    starts = [packet.timestamp for packet in heard[::5]]
    assert [(later - earlier) & 0xFFFFFFFF for earlier, later in itertools.pairwise(starts)] == [800, 800]
    assert [packet.marker for packet in heard] == ([True] + [False] * 4) * 3
    assert contiguous(heard)


def test_sound_waits_and_goes_on_in_the_same_stream(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    one.send(left)
    heard = [two.hear()]
    digits = SentDigits(id=1, digits="7", payload_type=101, duration_ms=100)
    bench.path.put(2, 2, PortState(remote_rtp=two.address, relay_to=1, send_digits=digits))
    heard.append(two.hear())
    for _ in range(3):
        one.send(left, b"suppressed")
    until(lambda: sent(bench))
    heard += two.drain()
    one.send(left, b"after")
    heard.append(two.hear())
    assert [packet.payload_type for packet in heard] == [0] + [101] * 7 + [0]
    assert heard[-1].payload == b"after"
    assert heard[-1].marker
    assert contiguous(heard)
    # The event and the time that it took lie between the sounds.
    assert 0 < (heard[1].timestamp - heard[0].timestamp) & 0xFFFFFFFF < 8000 * 5
    assert 960 <= (heard[-1].timestamp - heard[1].timestamp) & 0xFFFFFFFF < 8000 * 5


def test_a_player_waits(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    player = Player(id=1, path=prompt(tmp_path, 4), payload_type=0)
    digits = SentDigits(id=1, digits="7", payload_type=101, duration_ms=40)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    heard = [phone.hear()]
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, player=player, send_digits=digits))
    until(lambda: len(bench.events()) == 2)
    heard += phone.drain()
    sounds = [packet.payload[0] for packet in heard if packet.payload_type == 0]
    assert sounds == [0, 1, 2, 3]
    assert contiguous(heard)


def test_the_same_digits_are_sent_once(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    digits = SentDigits(id=4, digits="5", payload_type=101)
    dialled(bench, phone, digits)
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, send_digits=digits, cname="the same"))
    again = SentDigits(id=5, digits="6", payload_type=101)
    bench.path.put(1, 3, PortState(remote_rtp=phone.address, send_digits=again))
    until(lambda: len(sent(bench)) == 2)
    assert {packet.payload[0] for packet in phone.drain()} == {6}
    assert sent(bench)[1] == DigitsSent(port_id=1, revision=3, digits_id=5)


def test_digits_that_are_taken_away_are_ended(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    bench.port(1)
    digits = SentDigits(id=4, digits="5", payload_type=101, duration_ms=8000)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, send_digits=digits))
    heard = [phone.hear(), phone.hear()]
    bench.path.put(1, 2, PortState(remote_rtp=phone.address))
    while heard[-1].payload[1] & 0x80 == 0:
        heard.append(phone.hear())
    heard += [phone.hear(), phone.hear()]
    assert len({(duration(packet), packet.payload[1]) for packet in heard[-3:]}) == 1
    assert contiguous(heard)
    assert not sent(bench)


def test_another_worker_goes_on_with_the_next_digit(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    bench.port(1)
    digits = SentDigits(id=4, digits="123", payload_type=101, duration_ms=40, gap_ms=40)
    state = PortState(remote_rtp=phone.address, send_digits=digits)
    bench.path.put(1, 1, state)
    heard = [phone.hear()]
    while heard[-1].payload[0] != 2:
        heard.append(phone.hear())
    bench.path.forget(1)
    heard += phone.drain()
    bench.give(1)
    bench.path.put(1, 2, state)
    until(lambda: sent(bench))
    heard += phone.drain()
    # The digit that was cut short is dialled again, none before it.
    assert [digit for digit, _ in itertools.groupby(packet.payload[0] for packet in heard)] == [1, 2, 3]
    bench.path.forget(1)
    bench.give(1)
    bench.path.put(1, 3, state)
    until(lambda: len(sent(bench)) == 2)
    assert phone.hears_nothing()


def test_a_long_digit_of_a_fast_clock_goes_on_in_segments(bench: Bench, phones: Phones) -> None:
    digits = SentDigits(id=4, digits="5", payload_type=101, clock_rate=48000, duration_ms=1500)
    heard = dialled(bench, phones(1), digits)
    stamps = [packet.timestamp for packet in heard]
    assert (stamps[-1] - stamps[0]) & 0xFFFFFFFF == 0xFFFF
    assert 0xFFFF + duration(heard[-1]) == 72000
    assert [packet.marker for packet in heard].count(True) == 1
    assert contiguous(heard)


def test_digits_wait_while_nothing_may_be_sent(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    bench.port(1)
    digits = SentDigits(id=4, digits="5", payload_type=101, duration_ms=40)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, send=False, send_digits=digits))
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, send_digits=digits))
    until(lambda: sent(bench))
    assert len(phone.drain()) == 4


def test_many_ports_dial_at_once(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    for port_id in range(1, 100 + 1):
        bench.port(port_id)
        digits = SentDigits(id=port_id, digits="12", payload_type=101, duration_ms=40, gap_ms=40)
        bench.path.put(port_id, 1, PortState(remote_rtp=phone.address, send_digits=digits))
    until(lambda: len(sent(bench)) == 100)
    assert {event.digits_id for event in sent(bench)} == set(range(1, 100 + 1))

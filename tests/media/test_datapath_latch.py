"""Contract of both data paths: latching, and what hijackers meet."""

import time

from media.event import PortLatched
from media.port_state import PortState
from tests.media.datapath_bench import SILENCE_S, Bench
from tests.media.phone import Phones, until


def test_types_that_were_not_agreed_neither_latch_nor_pass(bench: Bench, phones: Phones) -> None:
    one, two = phones(11), phones(22)
    left, _ = bench.pair(one, two)
    bench.path.put(1, 2, PortState(remote_rtp=one.address, relay_to=2, accept=(0, 101)))
    one.send(left, b"no", payload_type=9)
    one.send(left, b"yes", payload_type=0)
    assert two.hear().payload == b"yes"
    stats = bench.path.stats(1)
    assert (stats.dropped_payload_type, stats.packets_received) == (1, 1)


def test_latches_to_the_first_valid_source_and_answers_there(bench: Bench, phones: Phones) -> None:
    signalled, behind_nat, two = phones(1), phones(2), phones(3)
    left, right = bench.pair(signalled, two)
    two.send(right, b"early")
    assert signalled.hear().payload == b"early"
    behind_nat.send(left)
    two.hear()
    two.send(right, b"late")
    assert behind_nat.hear().payload == b"late"
    latched = [event for event in bench.events() if isinstance(event, PortLatched) and event.port_id == 1]
    assert [(event.host, event.port, event.revision) for event in latched] == [(*behind_nat.address, 1)]


def test_hijacker_is_refused_and_counted(bench: Bench, phones: Phones) -> None:
    one, two, thief = phones(1), phones(2), phones(3)
    left, right = bench.pair(one, two)
    one.send(left, b"mine")
    assert two.hear().payload == b"mine"
    for _ in range(5):
        thief.send(left, b"stolen")
    one.send(left, b"still mine")
    assert two.hear().payload == b"still mine"
    two.send(right, b"for one")
    assert one.hear().payload == b"for one"
    assert thief.hears_nothing()
    stats = bench.path.stats(1)
    assert stats.dropped_foreign == 5
    assert stats.latched_to == one.address


def test_signalled_address_beats_a_guess_at_once(bench: Bench, phones: Phones) -> None:
    one, two, thief = phones(1), phones(2), phones(3)
    left, right = bench.pair(one, two)
    thief.send(left, b"first")
    assert two.hear().payload == b"first"
    one.send(left, b"rightful")
    heard = two.hear()
    assert heard.payload == b"rightful"
    thief.send(left, b"again")
    two.send(right, b"for one")
    assert one.hear().payload == b"for one"
    assert bench.path.stats(1).dropped_foreign == 1


def test_latches_anew_only_after_silence(bench: Bench, phones: Phones) -> None:
    one, two, moved = phones(1), phones(2), phones(3)
    left, right = bench.pair(one, two)
    quiet_since = time.monotonic()
    one.send(left)
    before = two.hear()

    def heard_moved() -> bool:
        moved.send(left, b"moved")
        return any(packet.payload == b"moved" for packet in two.drain())

    until(heard_moved)
    assert time.monotonic() - quiet_since >= SILENCE_S
    two.send(right, b"follow")
    assert moved.hear().payload == b"follow"
    moved.send(left)
    assert two.hear().ssrc == before.ssrc


def test_a_put_with_another_address_latches_anew_and_the_same_keeps(bench: Bench, phones: Phones) -> None:
    one, two, nat, other = phones(1), phones(2), phones(3), phones(4)
    left, right = bench.pair(one, two)
    nat.send(left)
    two.hear()
    bench.path.put(1, 2, PortState(remote_rtp=one.address, relay_to=2))
    two.send(right, b"kept")
    assert nat.hear().payload == b"kept"
    bench.path.put(1, 3, PortState(remote_rtp=other.address, relay_to=2))
    two.send(right, b"new")
    assert other.hear().payload == b"new"


def test_strict_takes_the_signalled_address_only(bench: Bench, phones: Phones) -> None:
    one, two, thief = phones(1), phones(2), phones(3)
    left, _ = bench.pair(one, two)
    bench.path.put(1, 2, PortState(remote_rtp=one.address, relay_to=2, latch="strict"))
    thief.send(left, b"no")
    one.send(left, b"yes")
    assert two.hear().payload == b"yes"
    assert bench.path.stats(1).dropped_foreign == 1


def test_off_takes_any_source_and_sends_to_the_signalled_address(bench: Bench, phones: Phones) -> None:
    one, two, other = phones(1), phones(2), phones(3)
    left, right = bench.pair(one, two)
    bench.path.put(1, 2, PortState(remote_rtp=one.address, relay_to=2, latch="off"))
    other.send(left, b"a")
    assert two.hear().payload == b"a"
    one.send(left, b"b")
    assert two.hear().payload == b"b"
    two.send(right, b"c")
    assert one.hear().payload == b"c"

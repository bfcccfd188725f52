"""Contract of both data paths: states, revisions, going on elsewhere."""

import pytest

from media.event import PortClosed
from media.port_state import BadPortState, PortState
from tests.media.datapath_bench import Bench, follows
from tests.media.phone import Phone, Phones, until


def test_an_old_revision_changes_nothing(bench: Bench, phones: Phones) -> None:
    one, two, other = phones(1), phones(2), phones(3)
    left, _ = bench.pair(one, two)
    bench.path.put(2, 5, PortState(remote_rtp=two.address, relay_to=1))
    bench.path.put(2, 4, PortState(remote_rtp=other.address, relay_to=1))
    bench.path.put(2, 5, PortState(remote_rtp=other.address, relay_to=1))
    one.send(left)
    two.hear()


def test_a_bad_state_is_refused_and_the_old_one_kept(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    for bad in (
        PortState(remote_rtp=("phone.example", 5004)),
        PortState(remote_rtp=("127.0.0.1", 0)),
        PortState(remote_rtp=("127.0.0.1", 70000)),
        PortState(remote_rtp=two.address, clock_rate=0),
    ):
        with pytest.raises(BadPortState):
            bench.path.put(2, 2, bad)
    one.send(left)
    two.hear()


def test_a_peer_that_is_opened_later_is_joined(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left = bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=one.address, relay_to=2))
    one.send(left, b"lost")
    until(lambda: bench.path.stats(1).packets_received == 1)
    bench.port(2)
    bench.path.put(2, 1, PortState(remote_rtp=two.address))
    one.send(left, b"heard")
    assert two.hear().payload == b"heard"


def test_ipv4_and_ipv6_are_joined(bench: Bench, phones: Phones) -> None:
    one = phones(1)
    two = Phone(2, host="::1")
    left, right = bench.port(1), bench.port(2, host="::1")
    bench.path.put(1, 1, PortState(remote_rtp=one.address, relay_to=2))
    bench.path.put(2, 1, PortState(remote_rtp=two.address, relay_to=1))
    one.send(left, b"to six")
    assert two.hear().payload == b"to six"
    two.send(right, b"to four")
    assert one.hear().payload == b"to four"
    assert bench.path.stats(2).latched_to == two.address
    two.close()


def test_another_data_path_goes_on_with_the_same_memory(bench: Bench, phones: Phones) -> None:
    one, two, nat = phones(1), phones(2), phones(3)
    left, right = bench.pair(one, two)
    nat.send(left)
    before = two.hear()
    for port_id in (1, 2):
        bench.path.forget(port_id)
    bench.path.stop()
    bench.path = bench.started()
    for port_id in (1, 2):
        bench.give(port_id)
    bench.path.put(1, 2, PortState(remote_rtp=one.address, relay_to=2))
    bench.path.put(2, 2, PortState(remote_rtp=two.address, relay_to=1))
    two.send(right, b"where you were")
    assert nat.hear().payload == b"where you were"
    nat.send(left)
    assert follows(two.hear(), before)
    assert not [event for event in bench.events() if isinstance(event, PortClosed)]


def test_what_comes_before_the_first_put_waits(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left = bench.port(1)
    bench.port(2)
    bench.path.put(2, 1, PortState(remote_rtp=two.address))
    for number in range(3):
        one.send(left, bytes([number]))
    bench.path.put(1, 1, PortState(remote_rtp=one.address, relay_to=2))
    assert [two.hear().payload for _ in range(3)] == [b"\0", b"\1", b"\2"]

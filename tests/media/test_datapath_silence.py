"""Contract of both data paths: silence is noticed, hijackers do not break it."""

import pytest

from media.event import PortEvent, PortHeard, PortSilent
from media.port_state import PortState
from media.rtcp import Compound, build_compound
from tests.media.datapath_bench import Bench
from tests.media.phone import Phones, until

pytestmark = pytest.mark.e2e  # In real time: silence takes as long as it takes.


def told(bench: Bench) -> list[PortEvent]:
    return [event for event in bench.events() if isinstance(event, PortSilent | PortHeard)]


def test_silence_from_the_first_put_on_is_told_once(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    port = bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, silence_ms=150))
    until(lambda: told(bench))
    (event,) = told(bench)
    assert isinstance(event, PortSilent)
    assert (event.port_id, event.revision) == (1, 1)
    assert 150 <= event.silent_ms < 3000
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, silence_ms=150, cname="nothing new"))
    phone.send(port)
    until(lambda: len(told(bench)) == 2)
    assert told(bench)[1] == PortHeard(port_id=1, revision=2)
    until(lambda: len(told(bench)) == 3)
    assert isinstance(told(bench)[2], PortSilent)


def test_foreign_packets_and_reports_are_no_sound(bench: Bench, phones: Phones) -> None:
    phone, thief = phones(1), phones(2)
    port = bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, silence_ms=150, latch="strict"))
    phone.send(port)
    report = build_compound(Compound(ssrc=1, cname="x"))

    def disturb() -> bool:
        thief.send(port)
        phone.rtcp.sendto(report, bench.control_address(1))
        return bool(told(bench))

    until(disturb)
    assert bench.path.stats(1).dropped_foreign > 0
    assert bench.path.stats(1).packets_received == 1


def test_a_port_that_does_not_receive_or_is_not_watched_says_nothing(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    for port_id in (1, 2, 3):
        bench.port(port_id)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, silence_ms=100, receive=False))
    bench.path.put(2, 1, PortState(remote_rtp=phone.address))
    bench.path.put(3, 1, PortState(remote_rtp=phone.address, silence_ms=100))
    until(lambda: told(bench))
    assert [event.port_id for event in told(bench) if isinstance(event, PortSilent)] == [3]
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, silence_ms=100))
    until(lambda: len(told(bench)) == 2)
    second = told(bench)[1]
    assert isinstance(second, PortSilent)
    # Counted from when the port began to receive.
    assert second.silent_ms < 1000

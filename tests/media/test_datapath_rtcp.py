"""Contract of both data paths: reports in and out, goodbye."""

import time

import pytest

from media.event import PortClosed
from media.port_state import PortState
from media.rtcp import Compound, ReportBlock, SenderInfo, build_compound, parse_compound
from tests.media.datapath_bench import Bench
from tests.media.phone import Phone, Phones, until


def test_hostile_reports_are_counted_and_harm_nobody(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    to = bench.control_address(1)
    one.send(left, b"before")
    two.hear()
    report = build_compound(Compound(ssrc=1, cname="x"))
    bad = [
        b"",
        b"\x80",
        report[:-1],
        b"\x80\xca" + report[2:],
        b"\xa0" + report[1:],
        report + b"\x00" * 4,
        report[:2] + b"\xff\xff" + report[4:],
        b"\x9f\xc9\x00\x01" + b"\x00" * 4 + b"\x80\xcb\xff\xff",
    ]
    for datagram in bad:
        one.rtcp.sendto(datagram, to)
    one.rtcp.sendto(b"\x9f\xc8\x00\x01\x00\x00\x00\x01", to)
    one.rtcp.sendto(report, to)
    until(lambda: bench.path.stats(1).rtcp_received == 2)
    assert bench.path.stats(1).dropped_malformed == len(bad)
    one.send(left, b"after")
    assert two.hear().payload == b"after"


def hear_report(phone: Phone) -> Compound:
    phone.rtcp.settimeout(2.0)
    return parse_compound(phone.rtcp.recv(2048))


def test_reports_say_what_was_sent_and_received(reporting: Bench, phones: Phones) -> None:
    one, two = phones(111), phones(222)
    left, right = reporting.port(1), reporting.port(2)
    reporting.path.put(
        1, 1,
        PortState(remote_rtp=one.address, remote_rtcp=one.control_address, relay_to=2, cname="left@test"),
    )  # fmt: skip
    reporting.path.put(2, 1, PortState(remote_rtp=two.address, relay_to=1, cname="right@test"))
    one.sequence = 10
    one.send(left)
    two.hear()
    one.sequence = 13
    one.send(left)
    two.hear()
    receiver = hear_report(one)
    while not receiver.blocks:
        receiver = hear_report(one)
    assert receiver.sender is None
    assert receiver.cname == "left@test"
    assert receiver.blocks[0].ssrc == 111
    two.send(right, b"x" * 160)
    voice = one.hear()
    sender = hear_report(one)
    while sender.sender is None:
        sender = hear_report(one)
    assert sender.ssrc == voice.ssrc
    assert (sender.sender.packets, sender.sender.octets) == (1, 160)
    assert abs((sender.sender.ntp >> 32) - 2208988800 - time.time()) < 2
    block = sender.blocks[0]
    assert (block.cumulative_lost, block.highest_sequence) == (2, 13)


def test_round_trip_and_far_end_losses_are_learnt(reporting: Bench, phones: Phones) -> None:
    one, two = phones(111), phones(222)
    left, right = reporting.port(1), reporting.port(2)
    reporting.path.put(
        1, 1, PortState(remote_rtp=one.address, remote_rtcp=one.control_address, relay_to=2, cname="left")
    )
    reporting.path.put(2, 1, PortState(remote_rtp=two.address, relay_to=1))
    one.send(left)
    two.hear()
    two.send(right)
    voice = one.hear()
    sender = hear_report(one)
    while sender.sender is None:
        sender = hear_report(one)
    answer = Compound(
        ssrc=111,
        sender=SenderInfo(ntp=0x0123456789ABCDEF, timestamp=0, packets=1, octets=160),
        blocks=(
            ReportBlock(
                ssrc=voice.ssrc,
                fraction_lost=64,
                cumulative_lost=7,
                highest_sequence=1,
                jitter=12,
                last_sr=sender.sender.ntp >> 16 & 0xFFFFFFFF,
                delay=0,
            ),
        ),
        cname="far",
    )
    one.rtcp.sendto(build_compound(answer), reporting.control_address(1))
    until(lambda: reporting.path.stats(1).rtt_ms is not None)
    stats = reporting.path.stats(1)
    assert stats.rtt_ms is not None
    assert 0 <= stats.rtt_ms < 1000
    assert (stats.far_lost, stats.far_fraction_lost, stats.far_jitter) == (7, 0.25, 12)
    echoed = hear_report(one)
    while not echoed.blocks or echoed.blocks[0].last_sr == 0:
        echoed = hear_report(one)
    assert echoed.blocks[0].last_sr == 0x456789AB


def test_reports_of_strangers_are_dropped(bench: Bench, phones: Phones) -> None:
    bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=("127.0.0.9", 4000)))
    stranger = phones(1)
    stranger.rtcp.sendto(build_compound(Compound(ssrc=1)), bench.control_address(1))
    until(lambda: bench.path.stats(1).dropped_foreign == 1)
    assert bench.path.stats(1).rtcp_received == 0


def test_reports_on_the_rtp_port_are_not_relayed(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    one.rtp.sendto(build_compound(Compound(ssrc=1, cname="x")), left)
    one.send(left, b"voice")
    assert two.hear().payload == b"voice"
    stats = bench.path.stats(1)
    assert (stats.rtcp_received, stats.packets_received) == (1, 1)


def test_close_says_goodbye_and_leaves_statistics(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    bench.path.put(2, 2, PortState(remote_rtp=two.address, remote_rtcp=two.control_address, relay_to=1, cname="right"))
    one.send(left, b"x" * 100)
    two.hear()
    bench.path.close(2)
    farewell = hear_report(two)
    assert farewell.goodbye
    assert farewell.cname == "right"
    closed = [event for event in bench.events() if isinstance(event, PortClosed)]
    assert [(event.port_id, event.revision) for event in closed] == [(2, 2)]
    stats = closed[0].stats
    assert (stats.packets_sent, stats.octets_sent, stats.packets_received) == (1, 100, 0)
    assert stats.first_sent_s is not None
    one.send(left, b"to nobody")
    with pytest.raises(KeyError):
        bench.path.close(2)
    with pytest.raises(KeyError):
        bench.path.put(2, 3, PortState())


def test_a_port_that_never_sent_says_no_goodbye(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=one.address, remote_rtcp=one.control_address))
    bench.path.close(1)
    bench.port(2)
    bench.path.put(2, 1, PortState(remote_rtp=two.address, relay_to=2))
    two.send(bench.address(2))
    two.hear()
    one.rtcp.setblocking(False)
    with pytest.raises(BlockingIOError):
        one.rtcp.recv(100)

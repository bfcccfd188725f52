"""The contract that both data paths keep, checked packet by packet over loopback sockets."""

import itertools
import mmap
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from media.allocator import bind_udp
from media.datapath import COMPILED, Datapath, open_datapath
from media.datapath_twin import TwinDatapath
from media.event import PlayerFinished, PortClosed, PortLatched
from media.port_state import BadPortState, Player, PortState
from media.rtcp import Compound, ReportBlock, SenderInfo, build_compound, parse_compound
from media.rtp import RtpPacket
from tests.media.phone import Phone, Phones, until

SILENCE_S = 0.05
Address = tuple[str, int]
Event = PortLatched | PlayerFinished | PortClosed


class Bench:
    """One data path with ports on loopback."""

    def __init__(self, make: Callable[..., Datapath], rtcp_interval_s: float = 60.0) -> None:
        self.memory = mmap.mmap(-1, 512 * 64)
        self.make = make
        self.rtcp_interval_s = rtcp_interval_s
        self.path = self.started()
        self.sockets: dict[int, tuple[socket.socket, socket.socket]] = {}
        self.seen: list[Event] = []

    def started(self) -> Datapath:
        path = self.make(memory=self.memory, seed=7, silence_s=SILENCE_S, rtcp_interval_s=self.rtcp_interval_s)
        path.start()
        return path

    def port(self, port_id: int, host: str = "127.0.0.1") -> Address:
        rtp, rtcp = bind_udp(host, 0), bind_udp(host, 0)
        self.sockets[port_id] = (rtp, rtcp)
        self.give(port_id)
        return self.address(port_id)

    def give(self, port_id: int) -> None:
        rtp, rtcp = self.sockets[port_id]
        self.path.open(port_id, os.dup(rtp.fileno()), os.dup(rtcp.fileno()), port_id)

    def address(self, port_id: int) -> Address:
        host, port = self.sockets[port_id][0].getsockname()[:2]
        return host, port

    def control_address(self, port_id: int) -> Address:
        host, port = self.sockets[port_id][1].getsockname()[:2]
        return host, port

    def events(self) -> list[Event]:
        self.seen += self.path.events()
        return self.seen

    def pair(self, one: Phone, two: Phone) -> tuple[Address, Address]:
        """Ports 1 and 2 relay to each other, for these phones."""
        left, right = self.port(1), self.port(2)
        self.path.put(1, 1, PortState(remote_rtp=one.address, relay_to=2, cname="left@test"))
        self.path.put(2, 1, PortState(remote_rtp=two.address, relay_to=1, cname="right@test"))
        return left, right

    def close(self) -> None:
        self.path.stop()
        for pair in self.sockets.values():
            for sock in pair:
                sock.close()


def makers() -> list[Callable[..., Datapath]]:
    return [TwinDatapath, open_datapath] if COMPILED else [TwinDatapath]


def name_of(make: Callable[..., Datapath]) -> str:
    return make.__name__


@pytest.fixture(params=makers(), ids=name_of)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


@pytest.fixture(params=makers(), ids=name_of)
def reporting(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param, rtcp_interval_s=0.05)
    yield made
    made.close()


def follows(later: RtpPacket, earlier: RtpPacket, steps: int = 1) -> bool:
    """Say whether a packet continues the same outgoing stream."""
    ahead = (later.timestamp - earlier.timestamp) & 0xFFFFFFFF
    return (
        later.ssrc == earlier.ssrc and (later.sequence - earlier.sequence) & 0xFFFF == steps and 0 < ahead < 8000 * 20
    )


def test_relays_both_ways_with_its_own_ssrc_over_a_sequence_wrap(bench: Bench, phones: Phones) -> None:
    one, two = phones(11), phones(22)
    left, right = bench.pair(one, two)
    heard = []
    for number in range(12):
        one.send(left, bytes([number]) * 160)
        heard.append(two.hear())
    assert [packet.payload[0] for packet in heard] == list(range(12))
    assert heard[0].marker
    assert not heard[1].marker
    assert heard[0].ssrc not in (11, 22)
    for earlier, later in itertools.pairwise(heard):
        assert follows(later, earlier)
        assert (later.timestamp - earlier.timestamp) & 0xFFFFFFFF == 160
    two.send(right, b"back")
    assert one.hear().payload == b"back"


def test_loss_and_reordering_of_the_source_are_kept(bench: Bench, phones: Phones) -> None:
    one, two = phones(11), phones(22)
    left, _ = bench.pair(one, two)
    one.sequence = 100
    sequences = []
    for sequence in (100, 101, 104, 103, 105):
        one.sequence = sequence
        one.send(left)
        sequences.append(two.hear().sequence)
    assert [(sequence - sequences[0]) & 0xFFFF for sequence in sequences] == [0, 1, 4, 3, 5]
    stats = bench.path.stats(1)
    assert (stats.expected, stats.packets_received, stats.lost) == (6, 5, 1)


def test_header_extension_csrc_and_padding_are_taken_off(bench: Bench, phones: Phones) -> None:
    one, two = phones(11), phones(22)
    left, _ = bench.pair(one, two)
    head = struct.pack(">BBHII", 0xB1, 0x80 | 8, 5, 6, 7) + b"CSRC" + struct.pack(">HH", 0xBEDE, 1) + b"EXTN"
    one.rtp.sendto(head + b"payload!" + b"\0\0\0\4", left)
    heard = two.hear()
    assert (heard.payload, heard.payload_type, heard.marker) == (b"payload!", 8, True)


def test_payload_types_are_mapped_and_unlisted_ones_dropped(bench: Bench, phones: Phones) -> None:
    one, two = phones(11), phones(22)
    left, _ = bench.pair(one, two)
    state = PortState(remote_rtp=one.address, relay_to=2, payload_map=((0, 0), (101, 96)))
    bench.path.put(1, 2, state)
    one.send(left, b"dropped", payload_type=18)
    one.send(left, b"digit", payload_type=101)
    one.send(left, b"voice", payload_type=0)
    assert [(p.payload, p.payload_type) for p in (two.hear(), two.hear())] == [(b"digit", 96), (b"voice", 0)]
    assert bench.path.stats(1).dropped_payload_type == 1


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
    one.send(left)
    before = two.hear()
    quiet_since = time.monotonic()

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


def test_echo(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    port = bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, relay_to=1))
    for number in range(3):
        phone.send(port, bytes([number]))
        assert phone.hear().payload == bytes([number])


def test_hold_closes_each_direction(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, right = bench.pair(one, two)
    bench.path.put(2, 2, PortState(remote_rtp=two.address, relay_to=1, send=False))
    one.send(left, b"unheard")
    two.send(right, b"heard")
    assert one.hear().payload == b"heard"
    bench.path.put(2, 3, PortState(remote_rtp=two.address, relay_to=1, receive=False))
    two.send(right, b"unheard")
    one.send(left, b"heard")
    assert two.hear().payload == b"heard"
    bench.path.put(2, 4, PortState(remote_rtp=two.address, relay_to=1))
    two.send(right, b"resumed")
    assert one.hear().payload == b"resumed"


def prompt(directory: Path, frames: int) -> str:
    path = directory / f"prompt-{frames}.raw"
    path.write_bytes(b"".join(bytes([number]) * 160 for number in range(frames)))
    return str(path)


def test_player_plays_once_on_schedule_and_says_so(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    player = Player(id=9, path=prompt(tmp_path, 5), payload_type=8)
    begun = time.monotonic()
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    heard = [phone.hear() for _ in range(5)]
    assert time.monotonic() - begun >= 0.075
    assert [packet.payload[0] for packet in heard] == list(range(5))
    assert all(packet.payload_type == 8 for packet in heard)
    for earlier, later in itertools.pairwise(heard):
        assert follows(later, earlier)
        assert (later.timestamp - earlier.timestamp) & 0xFFFFFFFF == 160
    until(bench.events)
    assert bench.events() == [PlayerFinished(port_id=1, revision=1, player_id=9)]


def test_player_loops_until_it_is_taken_away(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    player = Player(id=9, path=prompt(tmp_path, 2), payload_type=0, plays=None)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    assert [phone.hear().payload[0] for _ in range(5)] == [0, 1, 0, 1, 0]
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, player=player, cname="same player goes on"))
    assert phone.hear().payload[0] == 1
    again = replace(player, id=10, plays=1)
    bench.path.put(1, 3, PortState(remote_rtp=phone.address, player=again))
    until(bench.events)
    assert [packet.payload[0] for packet in phone.drain()][-2:] == [0, 1]
    assert bench.events() == [PlayerFinished(port_id=1, revision=3, player_id=10)]


def test_player_then_relay_is_one_stream(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    player = Player(id=1, path=prompt(tmp_path, 3), payload_type=0)
    bench.path.put(2, 2, PortState(remote_rtp=two.address, relay_to=1, player=player))
    heard = [two.hear()]
    one.send(left, b"\xee" * 160)
    heard += [two.hear(), two.hear()]
    assert [packet.payload[0] for packet in heard] == [0, 1, 2]
    until(lambda: any(isinstance(event, PlayerFinished) for event in bench.events()))
    for _ in range(3):
        one.send(left, b"\xdd" * 160)
        heard.append(two.hear())
    assert [packet.payload[0] for packet in heard[3:]] == [0xDD] * 3
    assert [packet.marker for packet in heard] == [True, False, False, True, False, False]
    assert all(follows(later, earlier) for earlier, later in itertools.pairwise(heard))


def test_a_file_that_cannot_be_played_is_said(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    player = Player(id=1, path=str(tmp_path / "none.raw"), payload_type=0)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    until(bench.events)
    (event,) = bench.events()
    assert isinstance(event, PlayerFinished)
    assert "none.raw" in (event.error or "")


def test_another_source_and_a_jump_stay_one_stream(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    one.sequence = 1000
    heard = []
    for change in ("", "ssrc", "jump", ""):
        if change == "ssrc":
            one.ssrc, one.sequence, one.timestamp = 77, 9, 1234567
        if change == "jump":
            one.sequence, one.timestamp = 40000, 5
        for _ in range(2):
            one.send(left)
            heard.append(two.hear())
    assert all(follows(later, earlier) for earlier, later in itertools.pairwise(heard))
    stats = bench.path.stats(1)
    assert (stats.packets_received, stats.packets_sent) == (8, 0)
    assert stats.lost == 0


HOSTILE = {
    "empty": b"",
    "short": b"\x80\x00\x00",
    "version 0": b"\x00" * 172,
    "version 1": b"\x40" + b"\x00" * 171,
    "csrc beyond": b"\x8f\x00" + b"\x00" * 20,
    "extension beyond": b"\x90\x00" + b"\x00" * 10 + b"\xbe\xde\xff\xff" + b"\x00" * 20,
    "extension cut": b"\x90\x00" + b"\x00" * 10 + b"\xbe\xde",
    "padding of nought": b"\xa0\x00" + b"\x00" * 170,
    "padding beyond": b"\xa0\x00" + b"\x00" * 169 + b"\xff",
    "padding without payload": b"\xa0\x00" + b"\x00" * 10,
    "too long": b"\x80\x00" + b"\x00" * 9000,
}


def test_hostile_packets_are_counted_and_harm_nobody(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    one.send(left, b"before")
    assert two.hear().payload == b"before"
    for datagram in HOSTILE.values():
        one.rtp.sendto(datagram, left)
    one.send(left, b"after")
    assert two.hear().payload == b"after"
    stats = bench.path.stats(1)
    assert (stats.dropped_malformed, stats.packets_received) == (len(HOSTILE), 2)


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

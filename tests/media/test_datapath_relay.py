"""Contract of both data paths: relay, hold, hostile packets."""

import itertools
import random
import struct
from collections.abc import Iterator

from media.port_state import PortState
from media.rtcp import Compound, SenderInfo, build_compound
from tests.media.datapath_bench import Bench, follows
from tests.media.phone import Phones, until


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


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Damaged RTP and RTCP datagrams: cut, grown, with bytes changed; the same for the same seed."""
    rng = random.Random(seed)
    good = [
        b"\x80\x00" + bytes(170),
        b"\xb3\x80" + bytes(10) + b"CSRCCSRCCSRC" + b"\xbe\xde\x00\x02" + bytes(8) + b"voice" + b"\0\0\3",
        build_compound(Compound(ssrc=1, sender=SenderInfo(ntp=1, timestamp=1, packets=1, octets=1), cname="x")),
        build_compound(Compound(ssrc=1, cname="long" * 30, goodbye=True)),
    ]
    for _ in range(count):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.5 else data)


def test_damaged_datagrams_never_stop_the_port(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    left, _ = bench.pair(one, two)
    control = bench.control_address(1)
    damaged = list(mutations(seed=5, count=1500))
    for start in range(0, len(damaged), 25):
        for data in damaged[start : start + 25]:
            one.rtp.sendto(data, left)
            one.rtcp.sendto(data, control)
        sent = 2 * min(start + 25, len(damaged))
        until(lambda sent=sent: bench.path.counters()["datagrams"] == sent)  # type: ignore[misc]
    two.drain()
    one.send(left, b"still here")
    until(lambda: any(packet.payload == b"still here" for packet in two.drain()))

"""Contract of both data paths: keys of the far end are recognised, passed, copied or withheld."""

import itertools
import random
from dataclasses import replace

import pytest

from media.event import DigitReceived
from media.port_state import Digits, PortState
from media.rtp import RtpPacket, build_rtp
from tests.media.datapath_bench import Bench, follows
from tests.media.phone import Phone, Phones, until

pytestmark = pytest.mark.e2e  # In real time: a key takes as long as it takes.

EVENTS = 101
Address = tuple[str, int]


def keys(bench: Bench) -> list[tuple[str, int]]:
    return [(event.digit, event.duration_ms) for event in bench.events() if isinstance(event, DigitReceived)]


def events_of(
    phone: Phone, code: int, durations: list[int], *, ends: int = 3, marker: bool = True, advance: int = 800
) -> list[RtpPacket]:
    """The packets of one event, as the phone's next ones; the last duration comes with the end."""
    packets = []
    closing = [durations[-1]] * ends
    for place, duration in enumerate([*durations[: -1 if ends else None], *closing]):
        end = bool(ends) and place >= len(durations) - 1
        packets.append(
            RtpPacket(
                payload_type=EVENTS,
                sequence=phone.sequence,
                timestamp=phone.timestamp,
                ssrc=phone.ssrc,
                payload=bytes([code, 0x8A if end else 10]) + duration.to_bytes(2, "big"),
                marker=marker and place == 0,
            )
        )
        phone.sequence = (phone.sequence + 1) & 0xFFFF
    phone.timestamp = (phone.timestamp + advance) & 0xFFFFFFFF
    return packets


def send(phone: Phone, to: Address, packets: list[RtpPacket]) -> None:
    for packet in packets:
        phone.rtp.sendto(build_rtp(packet), to)


def joined(bench: Bench, one: Phone, two: Phone, digits: Digits, rate_hz: int = 8000) -> Address:
    left, _ = bench.pair(one, two)
    state = PortState(
        remote_rtp=one.address,
        relay_to=2,
        payload_map=((0, 0), (EVENTS, 96)),
        event_types=((EVENTS, rate_hz),),
        digits=digits,
    )
    bench.path.put(1, 2, state)
    return left


def test_keys_are_reported_once_each(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    one.send(to)
    send(one, to, events_of(one, 5, [160, 320, 480, 800]))
    send(one, to, events_of(one, 5, [160, 320, 400]))
    send(one, to, events_of(one, 11, [1600], ends=1))
    until(lambda: len(keys(bench)) == 3)
    assert keys(bench) == [("5", 100), ("5", 50), ("#", 200)]


def test_an_end_that_is_lost_is_found_by_the_next_key_or_by_time(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    send(one, to, events_of(one, 1, [160, 320], ends=0))
    send(one, to, events_of(one, 2, [160, 480], ends=0))
    until(lambda: len(keys(bench)) == 1)
    until(lambda: len(keys(bench)) == 2)
    late = events_of(one, 2, [640], ends=3)
    assert keys(bench) == [("1", 40), ("2", 60)]
    # Its own end, when it comes after all, is no other key.
    one.timestamp = (one.timestamp - 1600) & 0xFFFFFFFF
    late = [replace(packet, timestamp=one.timestamp) for packet in late]
    send(one, to, late)
    one.timestamp += 8000
    send(one, to, events_of(one, 3, [160]))
    until(lambda: len(keys(bench)) == 3)
    assert keys(bench)[-1] == ("3", 20)


def test_a_key_held_for_long_is_one_key(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    first = events_of(one, 7, [160, 32000, 65535], ends=0, advance=65535)
    send(one, to, first + events_of(one, 7, [160, 32000, 48000], marker=False, advance=65535))
    until(lambda: len(keys(bench)) == 1)
    # Another sender lets the sixteen bits run over.
    send(one, to, events_of(one, 8, [160, 65500, 100, 8000]))
    until(lambda: len(keys(bench)) == 2)
    assert keys(bench) == [("7", (65535 + 48000) // 8), ("8", (65536 + 8000) // 8)]


def test_lost_doubled_and_reordered_packets(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    rng = random.Random(3)
    pressed = ""
    for number in range(25):
        code = rng.randrange(12)
        pressed += "0123456789*#"[code]
        packets = events_of(one, code, [160 * step for step in range(1, 6)])
        packets = [packet for packet in packets if rng.random() > 0.3] or packets[-1:]
        packets += rng.choices(packets, k=2)
        rng.shuffle(packets)
        send(one, to, packets)
        one.send(to)
        until(lambda number=number: len(keys(bench)) == number + 1)  # type: ignore[misc]
    assert "".join(digit for digit, _ in keys(bench)) == pressed


def test_clock_rate_of_wide_band_events(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy", rate_hz=48000)
    send(one, to, events_of(one, 10, [960, 4800]))
    until(lambda: keys(bench))
    assert keys(bench) == [("*", 100)]


def test_passed_events_are_relayed_and_not_reported(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "pass")
    send(one, to, events_of(one, 5, [160, 320], ends=1))
    heard = [two.hear() for _ in range(2)]
    assert [packet.payload_type for packet in heard] == [96, 96]
    assert heard[0].timestamp == heard[1].timestamp
    assert not keys(bench)


def test_copied_events_are_relayed_and_reported(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    sent = events_of(one, 5, [160, 320], ends=3)
    send(one, to, sent)
    assert [two.hear().payload for _ in sent] == [packet.payload for packet in sent]
    until(lambda: keys(bench))


def test_withheld_events_leave_no_gap(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "withhold")
    heard = []
    for _ in range(3):
        one.send(to)
        heard.append(two.hear())
        packets = events_of(one, 5, [160, 320, 480, 640])
        send(one, to, [packets[1], packets[0], *packets[3:], packets[4]])
        one.timestamp += 160
    one.send(to)
    heard.append(two.hear())
    one.send(to)
    heard.append(two.hear())
    assert two.hears_nothing()
    assert {packet.payload_type for packet in heard} == {0}
    assert all(follows(later, earlier) for earlier, later in itertools.pairwise(heard))
    assert [packet.marker for packet in heard] == [True, True, True, True, False]
    assert (heard[1].timestamp - heard[0].timestamp) & 0xFFFFFFFF == 160 + 800 + 160
    assert len(keys(bench)) == 3


def test_a_late_packet_from_before_a_withheld_key_keeps_its_place(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "withhold")
    one.send(to)
    first = two.hear()
    late = RtpPacket(payload_type=0, sequence=one.sequence, timestamp=one.timestamp, ssrc=one.ssrc, payload=b"late")
    one.sequence = (one.sequence + 1) & 0xFFFF
    one.timestamp = (one.timestamp + 160) & 0xFFFFFFFF
    send(one, to, [*events_of(one, 5, [160]), late])
    one.send(to, b"next")
    assert [(packet.sequence - first.sequence) & 0xFFFF for packet in (two.hear(), two.hear())] == [1, 2]


def test_a_flood_of_keys_is_held_down(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "withhold")
    one.send(to)
    for start in range(20):
        for _ in range(25):
            send(one, to, events_of(one, 1, [160], ends=1))
        until(lambda start=start: bench.path.stats(1).packets_received == 1 + 25 * (start + 1))  # type: ignore[misc]
    stats = bench.path.stats(1)
    assert stats.dropped_digits > 300
    assert len(keys(bench)) + stats.dropped_digits == 500


def test_events_that_are_no_keys_or_too_short_are_not_reported(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    send(one, to, events_of(one, 36, [160]))
    one.send(to, b"\x05\x8a\x00", EVENTS)
    one.send(to, b"", EVENTS)
    send(one, to, events_of(one, 16, [160]))
    until(lambda: keys(bench))
    assert keys(bench) == [("!", 20)]


def test_keys_do_not_count_as_jitter(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "copy")
    send(one, to, events_of(one, 5, [160 * step for step in range(1, 100)]))
    until(lambda: keys(bench))
    assert bench.path.stats(1).jitter == 0


def test_damaged_events_never_stop_the_port(bench: Bench, phones: Phones) -> None:
    one, two = phones(1), phones(2)
    to = joined(bench, one, two, "withhold")
    rng = random.Random(11)
    one.send(to)
    for start in range(40):
        for _ in range(25):
            one.sequence = rng.choice((one.sequence, rng.randrange(1 << 16)))
            one.timestamp = rng.choice((one.timestamp, rng.randrange(1 << 32)))
            packet = RtpPacket(
                payload_type=EVENTS,
                sequence=one.sequence,
                timestamp=one.timestamp,
                ssrc=rng.choice((1, 2)),
                payload=rng.randbytes(rng.randrange(8)),
                marker=rng.random() < 0.5,
            )
            one.rtp.sendto(build_rtp(packet), to)
        received = 1 + 25 * (start + 1)
        until(lambda received=received: bench.path.stats(1).packets_received == received)  # type: ignore[misc]
    one.sequence, one.timestamp = 0, 0
    # Two in a row: a stream that jumps has to show that it means it (RFC 3550 A.1).
    for _ in range(3):
        one.send(to, b"sound")
    until(lambda: any(packet.payload == b"sound" for packet in two.drain()))

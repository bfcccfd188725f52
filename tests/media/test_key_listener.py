"""Key listener: whatever a wire does to the packets of keys, each key is told once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.key_listener import CEASED_S, KeyListener, KeyPress
from media.rtp import RtpPacket

KEYS = "0123456789*#"


def pressed(codes: list[int], steps: int) -> list[list[RtpPacket]]:
    """The packets of each key: updates, then three ends."""
    packets, sequence = [], 65500
    for number, code in enumerate(codes):
        event = []
        for step in range(1, steps + 3):
            end = step >= steps
            event.append(
                RtpPacket(
                    payload_type=101,
                    sequence=sequence & 0xFFFF,
                    timestamp=(4294960000 + 4000 * number) & 0xFFFFFFFF,
                    ssrc=1,
                    payload=bytes([code, 0x8A if end else 10]) + (160 * min(step, steps)).to_bytes(2, "big"),
                    marker=step == 1,
                )
            )
            sequence += 1
        packets.append(event)
    return packets


@given(st.lists(st.integers(0, 11), min_size=1, max_size=8), st.integers(1, 6), st.data())
def test_each_key_is_told_once(codes: list[int], steps: int, data: st.DataObject) -> None:
    listener, now, told = KeyListener(), 100.0, []
    for event in pressed(codes, steps):
        lost = data.draw(st.sets(st.integers(0, len(event) - 1), max_size=len(event) - 1))
        left = [packet for place, packet in enumerate(event) if place not in lost]
        doubled = data.draw(st.lists(st.sampled_from(left), max_size=3))
        for packet in data.draw(st.permutations(left + doubled)):
            told += listener.hear(packet, 8000, now)
            now += 0.02
        now += data.draw(st.sampled_from([0.05, 0.3, 5.0]))
        told += listener.ceased(now)
    told += listener.ceased(now + 2 * CEASED_S)
    assert [key.digit for key in told] == [KEYS[code] for code in codes]
    assert all(key.duration_ms <= 20 * steps for key in told)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=6), st.booleans())))
def test_nothing_that_arrives_raises(packets: list[tuple[int, int, bytes, bool]]) -> None:
    listener = KeyListener()
    told: list[KeyPress] = []
    for place, (sequence, timestamp, payload, marker) in enumerate(packets):
        packet = RtpPacket(
            payload_type=101, sequence=sequence, timestamp=timestamp, ssrc=1, payload=payload, marker=marker
        )
        told += listener.hear(packet, 8000, place * 0.02)
    told += listener.begin(1e6)
    assert len(told) + listener.dropped <= len(packets) + 1

"""Contract of both data paths: frames for the mix path, frames from it, taps, sequences of files."""

from pathlib import Path

import pytest

from media.codecs.g711 import levels
from media.mix_state import Heard, Mix, Tap, Voice
from media.port_state import Player, PortState
from media.tap import IN, OUT, pack_block, records
from tests.media.datapath_bench import Bench, follows
from tests.media.phone import Phones, until

PCMU = Heard(payload_type=0, codec="pcmu")
VOICE = Voice(hear=(PCMU,), speak=PCMU)


def member(phone_address: tuple[str, int]) -> PortState:
    return PortState(remote_rtp=phone_address, voice=VOICE, mix=Mix(room=7))


def test_what_a_member_says_arrives_in_order(bench: Bench, phones: Phones) -> None:
    phone = phones(0x77)
    port = bench.port(1)
    bench.path.put(1, 1, member(phone.address))
    sent = [phone.send(port, bytes([number]) * 160) for number in range(3)]
    taken: list[tuple[int, int, int, int, int, int, bool, bytes]] = []

    def enough() -> bool:
        taken.extend(bench.path.arrivals())
        return len(taken) == 3

    until(enough)
    for row, packet in zip(taken, sent, strict=True):
        assert row[0] == 1
        assert row[2:] == (0x77, packet.sequence, packet.timestamp, 0, False, packet.payload)
    assert sorted(row[1] for row in taken) == [row[1] for row in taken]
    assert bench.path.arrivals() == []


def test_frames_are_one_stream_and_pauses_are_marked(bench: Bench, phones: Phones) -> None:
    phone = phones(1)
    bench.port(1)
    bench.path.put(1, 1, member(phone.address))
    bench.path.speak([(1, b"a" * 160, 160, 0), (99, b"x" * 160, 160, 0)])
    bench.path.speak([(1, b"b" * 160, 160, 0)])
    bench.path.speak([(1, b"", 160, 0)])
    bench.path.speak([(1, b"c" * 160, 160, 0)])
    one, two, three = (phone.hear() for _ in range(3))
    assert [packet.payload[:1] for packet in (one, two, three)] == [b"a", b"b", b"c"]
    assert [packet.marker for packet in (one, two, three)] == [True, False, True]
    assert follows(two, one)
    assert (two.timestamp - one.timestamp) & 0xFFFFFFFF == 160
    assert (three.timestamp - two.timestamp) & 0xFFFFFFFF == 320


def test_a_player_is_heard_instead_of_the_room(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    path = tmp_path / "beep.raw"
    path.write_bytes(b"p" * 320)
    player = Player(id=3, path=str(path), payload_type=0)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, voice=VOICE, mix=Mix(room=7), player=player))
    bench.path.speak([(1, b"a" * 160, 160, 0)])
    assert [phone.hear().payload[:1] for _ in range(2)] == [b"p", b"p"]
    until(bench.events)
    bench.path.speak([(1, b"b" * 160, 160, 0)])
    assert phone.hear().payload[:1] == b"b"


def test_files_are_played_one_after_the_other(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() * 170)
    paths = [str(tmp_path / name) for name in "abc"]
    player = Player(id=3, path=paths[0], more=tuple(paths[1:]), payload_type=8, start_ms=20, plays=2)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    heard = [phone.hear() for _ in range(5)]
    assert b"".join(packet.payload[:1] for packet in heard) == b"bcabc"
    assert all(len(packet.payload) == 160 for packet in heard)


def test_frames_of_different_lengths_are_played_with_their_pauses(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    path = tmp_path / "opus.frames"
    path.write_bytes(b"\x03\x00abc\x00\x00\x01\x00d")
    player = Player(id=3, path=str(path), payload_type=111, frame_bytes=0, samples_per_frame=960)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player, clock_rate=48000))
    one, two = phone.hear(), phone.hear()
    assert (one.payload, two.payload) == (b"abc", b"d")
    assert (two.timestamp - one.timestamp) & 0xFFFFFFFF == 1920


def test_a_torn_framed_file_is_refused(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    path = tmp_path / "torn.frames"
    path.write_bytes(b"\x03\x00abc\x09\x00d")
    player = Player(id=3, path=str(path), payload_type=111, frame_bytes=0, samples_per_frame=960)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    (told,) = bench.events()
    assert "cut short" in str(told)


def test_gain_makes_law_codes_softer(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    bench.port(1)
    path = tmp_path / "loud.raw"
    path.write_bytes(b"\x80" * 160)  # The loudest positive sample of mu-law, 32124.
    player = Player(id=3, path=str(path), payload_type=0, gain_db=-20.0)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, player=player))
    assert levels("mu")[phone.hear().payload[0]] == pytest.approx(3212, abs=130)


def test_shared_players_are_at_the_same_place(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    one, two = phones(1), phones(2)
    bench.port(1)
    bench.port(2)
    path = tmp_path / "music.raw"
    path.write_bytes(b"".join(bytes([number]) * 160 for number in range(200)))
    player = Player(id=3, path=str(path), payload_type=0, plays=None, shared=True)
    bench.path.put(1, 1, PortState(remote_rtp=one.address, player=player))
    first = [one.hear().payload[0] for _ in range(6)]
    assert first == [(first[0] + step) % 200 for step in range(6)]
    bench.path.put(2, 1, PortState(remote_rtp=two.address, player=player))
    joined = two.hear().payload[0]
    one.drain()
    now = one.hear().payload[0]
    assert (now - joined) % 200 < 20


def test_a_tap_keeps_what_comes_and_what_goes(bench: Bench, phones: Phones) -> None:
    phone = phones(0x55)
    port = bench.port(1)
    tap = Tap(path="not opened here", both=True)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, relay_to=1, tap=tap))
    sent = phone.send(port, b"word" * 40)
    phone.hear()
    data, lost = bench.path.tapped(1)
    came, went = sorted(records(pack_block(data)), key=lambda record: record.kind)
    assert lost == 0
    assert (came.kind, went.kind) == (IN, OUT)
    assert came.payload == went.payload == sent.payload
    assert (came.ssrc, came.sequence, came.timestamp) == (0x55, sent.sequence, sent.timestamp)
    bench.path.put(1, 2, PortState(remote_rtp=phone.address, relay_to=1, tap=Tap(path="same", both=True, paused=True)))
    phone.send(port)
    phone.hear()
    assert bench.path.tapped(1) == (b"", 0)


def test_a_closed_port_leaves_the_rest_of_its_tap(bench: Bench, phones: Phones) -> None:
    phone = phones(0x55)
    port = bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, relay_to=1, tap=Tap(path="not opened here")))
    phone.send(port)
    phone.hear()
    bench.path.close(1)
    data, _ = bench.path.tapped(1)
    assert [record.kind for record in records(pack_block(data))] == [IN]
    with pytest.raises(KeyError):
        bench.path.tapped(1)


def test_a_full_tap_is_counted_and_stops_nobody(bench: Bench, phones: Phones) -> None:
    phone = phones(0x55)
    port = bench.port(1)
    bench.path.put(1, 1, PortState(remote_rtp=phone.address, relay_to=1, tap=Tap(path="not opened here")))
    for _ in range(80):
        phone.send(port, bytes(1000))
        phone.hear()
    data, lost = bench.path.tapped(1)
    assert len(data) <= 65536
    assert lost + len(list(records(pack_block(data)))) == 80
    assert lost > 0

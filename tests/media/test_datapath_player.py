"""Contract of both data paths: players."""

import itertools
import time
from dataclasses import replace
from pathlib import Path

from media.event import PlayerFinished
from media.port_state import Player, PortState
from tests.media.datapath_bench import Bench, follows
from tests.media.phone import Phones, until


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


def test_many_players_begun_at_once_all_finish(bench: Bench, phones: Phones, tmp_path: Path) -> None:
    phone = phones(1)
    path = prompt(tmp_path, 2)
    for port_id in range(1, 121):
        bench.port(port_id)
        player = Player(id=port_id, path=path, payload_type=0)
        bench.path.put(port_id, 1, PortState(remote_rtp=phone.address, player=player))
    until(lambda: len(bench.events()) == 120)
    assert {event.port_id for event in bench.events() if isinstance(event, PlayerFinished)} == set(range(1, 121))
    heard = phone.drain()
    assert len(heard) == 240
    assert len({packet.ssrc for packet in heard}) == 120

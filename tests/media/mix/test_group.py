"""Groups: what it takes to bring many members in at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.mix.mixer import Mixer
from media.mix_runner import TICK_NS
from media.mix_state import Mix, RoomSound
from tests.media.mix.test_ears import Line, state


class Looks:
    """A playout that counts how often somebody asks whether it has begun."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def begun(self) -> bool:
        self.count += 1
        return False

    def pull(self) -> None:
        return None


def test_many_who_come_in_at_once_are_looked_at_once_each() -> None:
    mixer = Mixer()
    looks = Looks()
    for port_id in range(1, 101):
        mixer.put(port_id, 1, state("pcmu", mix=Mix(room=1, conference=True), detect=()))
        member = mixer.member(port_id)
        assert member is not None
        member.playout = looks  # type: ignore[assignment]
    mixer.tick(TICK_NS, [])
    assert looks.count <= 2 * 100


@pytest.mark.parametrize("others", [1, 2])
def test_who_comes_in_waits_for_the_others_and_not_for_itself(others: int) -> None:
    line = Line()
    line.mixer.put(1, 1, state("pcmu", mix=Mix(room=1), detect=()))
    line.mixer.put(2, 1, state("pcmu", mix=Mix(room=others), detect=()))
    line.mixer.tick(TICK_NS, [(1, 0, 1, 0, 0, 0, False, bytes(160))])
    spoken = [mixed for tick in range(2, 6) for mixed in line.mixer.tick(tick * TICK_NS, [])]
    # The first hears nobody yet; the second hears it where they are in one room.
    assert {port_id for port_id, *_ in spoken} == ({2} if others == 1 else set())


def test_a_room_that_everybody_left_forgets_its_sounds(tmp_path: Path) -> None:
    path = tmp_path / "sound.raw"
    path.write_bytes(bytes(1600))
    mixer = Mixer()
    mixer.put(1, 1, state("pcmu", mix=Mix(room=1), detect=()))
    mixer.play(1, [RoomSound(id=1, path=str(path), rate_hz=8000, plays=None)])
    mixer.play(5, [RoomSound(id=2, path=str(path), rate_hz=8000, plays=None)])
    mixer.tick(TICK_NS, [])
    assert mixer.sounding == {1}, "a room without members hears nothing"
    # By moving, not by hanging up.
    mixer.put(1, 2, state("pcmu", mix=Mix(room=2), detect=()))
    mixer.tick(2 * TICK_NS, [])
    assert mixer.sounding == set()

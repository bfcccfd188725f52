"""Room: the rows of all members of one sample rate, room by room, and what each of them hears: the sum minus itself."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Samples
from media.mix.levels import Flags, TalkerFinder
from media.mix.member import Member
from media.mix.sound_run import SoundRun

SILENCE_DB: Final = -60.0

Sums = NDArray[np.int32]


def factor(gain_db: float) -> float:
    """Linear gain; -60 dB and less is silence."""
    return 0.0 if gain_db <= SILENCE_DB else 10.0 ** (gain_db / 20.0)


class RoomGroup:
    """All rooms of one rate. Members of one room are neighbours; the order changes only when somebody comes or goes."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.samples = rate_hz // 50
        self.members: list[Member] = []
        self.talking: Flags = np.zeros(0, dtype=np.bool_)
        self._finder = TalkerFinder()
        self._starts = np.zeros(0, dtype=np.intp)
        self._room_of = np.zeros(0, dtype=np.intp)
        self._room_ids: list[int] = []
        self._gains = np.zeros(0, dtype=np.float32)
        self._plain = True
        self._conference = np.zeros(0, dtype=np.bool_)
        self._deaf: list[int] = []
        self._exceptions: list[tuple[int, int, float]] = []
        self._excepted: Flags = np.zeros(0, dtype=np.bool_)
        self._talked: Flags = np.zeros(0, dtype=np.bool_)
        self._partners: NDArray[np.intp] | None = None
        self.hears_the_sum: Flags = np.zeros(0, dtype=np.bool_)
        """Rows that heard the plain sum of their room at the last tick: who says nothing hears what all hear."""

    def room_of(self, row: int) -> int:
        """The room of a row's member."""
        return self._room_ids[int(self._room_of[row])]

    def changed_talkers(self) -> list[int]:
        """Rows that began or ceased to talk since the last time."""
        changed: list[int] = np.flatnonzero(self.talking != self._talked).tolist()
        for row in changed:
            self.members[row].talking = bool(self.talking[row])
        self._talked = self.talking
        return changed

    def arrange(self, members: list[Member]) -> None:
        """Take these members, all of this rate."""
        self.members = sorted(members, key=_room_key)
        keys = [_room_key(member)[0] for member in self.members]
        self._room_ids = list(dict.fromkeys(keys))
        index = {room: number for number, room in enumerate(self._room_ids)}
        self._room_of = np.array([index[key] for key in keys], dtype=np.intp)
        self._starts = np.searchsorted(self._room_of, np.arange(len(self._room_ids))).astype(np.intp)
        mixes = [member.mix for member in self.members]
        gains = [0.0 if mix is None or mix.muted else factor(mix.gain_db) for mix in mixes]
        self._gains = np.array(gains, dtype=np.float32)
        self._plain = all(gain == 1.0 for gain in gains)
        self._conference = np.array([mix is not None and mix.conference for mix in mixes], dtype=np.bool_)
        self._deaf = [row for row, mix in enumerate(mixes) if mix is None or mix.deaf]
        rows = {member.port_id: row for row, member in enumerate(self.members)}
        self._exceptions = []
        self._excepted = np.zeros(len(self.members), dtype=np.bool_)
        for row, mix in enumerate(mixes):
            for port_id, gain_db in mix.hears if mix is not None else ():
                other = rows.get(port_id)
                # A room is a border: an exception never lets anybody hear another room.
                if other is not None and self._room_of[other] == self._room_of[row]:
                    self._exceptions.append((row, other, factor(gain_db)))
                    self._excepted[row] = True
        self._excepted[self._deaf] = True
        talked = {member.port_id for member in self.members if member.talking}
        self._talked = np.array([member.port_id in talked for member in self.members], dtype=np.bool_)
        self.talking = self._talked
        self._finder.arrange([member.port_id for member in self.members])
        self._partners = self._pair_up()

    def _pair_up(self) -> NDArray[np.intp] | None:
        """The row that each row hears, where nobody hears more than one; -1 hears nobody."""
        sizes = np.diff(np.append(self._starts, len(self.members)))
        if self._exceptions or self._conference.any() or (len(sizes) and sizes.max() > 2):
            return None
        partners = np.full(len(self.members), -1, dtype=np.intp)
        firsts = self._starts[sizes == 2]
        partners[firsts], partners[firsts + 1] = firsts + 1, firsts
        partners[self._deaf] = -1
        return partners

    def _crossed(self, frames: Samples, partners: NDArray[np.intp]) -> Samples:
        """What each row hears of its partner: nothing is summed, and most of the time nothing is computed."""
        self.hears_the_sum = np.zeros(len(frames), dtype=np.bool_)
        heard: Samples = frames[partners]
        heard[partners < 0] = 0
        if not self._plain:
            scaled = np.round(heard * self._gains[partners][:, None])
            heard = np.clip(scaled, -32768, 32767).astype(np.int16)
        return heard

    def mix(self, frames: Samples, sounds: dict[int, list[SoundRun]]) -> Samples:
        """What each row hears, of what each row says (int16[rows, samples of 20 ms]); says who talks in `talking`."""
        if self._partners is not None and not sounds:
            return self._crossed(frames, self._partners)
        given: Sums = frames.astype(np.int32)
        if self._conference.any():
            self.talking = self._finder.talkers(frames) & self._conference
            loudest = self._finder.loudest(self.talking & (self._gains > 0.0), self._starts)
            weights = np.where(self._conference & ~loudest, np.float32(0.0), self._gains)
        else:
            weights = self._gains
        if not (self._plain and weights is self._gains):
            given = np.round(frames * weights[:, None]).astype(np.int32)
        self.hears_the_sum = (weights == 0.0) & ~self._excepted
        sums: Sums = np.add.reduceat(given, self._starts, axis=0)
        for number, room in enumerate(self._room_ids):
            for sound in sounds.get(room, ()):
                sums[number] += sound.frame(self.samples)
        heard = sums[self._room_of]
        heard -= given
        for row, other, gain in self._exceptions:
            heard[row] += np.round(frames[other] * np.float32(gain)).astype(np.int32) - given[other]
        if self._deaf:
            heard[self._deaf] = 0
        np.clip(heard, -32768, 32767, out=heard)
        return heard.astype(np.int16)


def _room_key(member: Member) -> tuple[int, int]:
    # Who is only listened to is alone in a room of its own.
    return (member.mix.room if member.mix is not None else -member.port_id, member.port_id)

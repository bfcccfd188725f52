"""Mixer: all members of a worker's mix path, tick by tick; no clock inside: the owner says what time it is."""

from __future__ import annotations

from collections.abc import Iterable

from media.detect.dtmf_tone import DtmfTones
from media.event import DigitsSent, PortEvent, RoomSoundFailed, Talking
from media.frame_rows import Arrival, Spoken
from media.mix.dialling import Dialling
from media.mix.ears import Ears
from media.mix.group import Group
from media.mix.member import Member
from media.mix.sound_run import SoundRun
from media.mix_state import RoomSound
from media.port_state import PortState


class Mixer:
    """Desired state in, frames out. Ports are members by their state; rooms exist while they have members."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}
        self._groups: dict[int, Group] = {}
        self._sounds: dict[int, list[SoundRun]] = {}
        self._events: list[PortEvent] = []
        self._changed = False
        self._ears = Ears()
        self._dialling = Dialling()

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, port_id: object) -> bool:
        return port_id in self._members

    def member(self, port_id: int) -> Member | None:
        """The member that a port is, for its counts."""
        return self._members.get(port_id)

    def put(self, port_id: int, revision: int, state: PortState) -> list[Spoken]:
        """Follow a port's state. What waits of one that leaves for the relay is given, to be sent at once.

        Raises KeyError (unknown codec), ValueError.
        """
        member = self._members.get(port_id)
        if not state.wants_frames:
            if member is None:
                return []
            rest = self._rest(member) if state.relay_to is not None else []
            self.drop(port_id)
            return rest
        if member is None:
            self._members[port_id] = Member(port_id, revision, state)
        else:
            member.follow(revision, state)
        self._changed = True
        return []

    def drop(self, port_id: int) -> Member | None:
        """A port is gone; gives the member that it was."""
        member = self._members.pop(port_id, None)
        self._changed |= member is not None
        return member

    def play(self, room: int, sounds: Iterable[RoomSound]) -> None:
        """What a room shall hear beside its members; a sound that is playing already goes on."""
        running = {run.sound.id: run for run in self._sounds.get(room, ())}
        runs: list[SoundRun] = []
        for sound in sounds:
            try:
                runs.append(running.get(sound.id) or SoundRun(sound))
            except (OSError, ValueError) as error:
                self._events.append(
                    RoomSoundFailed(port_id=0, revision=0, room=room, sound_id=sound.id, why=str(error))
                )
        self._sounds[room] = runs
        self._changed = True  # A room without members is forgotten.

    @property
    def sounding(self) -> set[int]:
        """Rooms that hear something beside their members."""
        return {room for room, runs in self._sounds.items() if runs}

    def dial(self, port_id: int, digits_id: int, digits: str, *, duration_ms: int = 100, gap_ms: int = 100) -> None:
        """Let a member of a room hear keys as tones, and nothing else meanwhile; DigitsSent tells the end.

        For a far end that takes neither telephone events nor INFO. What is being dialled is cut off by the next.
        Raises ValueError: no such member, no such keys, times under 20 ms.
        """
        member = self._members.get(port_id)
        if member is None or member.mix is None:
            raise ValueError(f"port {port_id} is in no room: give it a `mix` before keys are dialled in its sound")
        tones = DtmfTones(digits, duration_ms=duration_ms, gap_ms=gap_ms, rate_hz=member.room_hz)
        self._dialling.begin(port_id, digits_id, tones)

    def _rest(self, leaving: Member) -> list[Spoken]:
        """What a member of a pair said and nobody has heard yet, when the pair goes back to the relay."""
        if leaving.mix is None:
            return []
        room = leaving.mix.room
        others = [
            one for one in self._members.values() if one is not leaving and one.mix is not None and one.mix.room == room
        ]
        if len(others) != 1:
            return []
        other = others[0]
        codecs = {one.payload_type: one.codec for one in leaving.voice.hear}
        return [
            (other.port_id, payload, other.speaker.units, other.speaker.payload_type)
            for payload_type, payload in leaving.playout.flush()
            if codecs.get(payload_type) == other.voice.speak.codec
        ]

    def tick(self, tick_ns: int, arrivals: Iterable[Arrival]) -> list[Spoken]:
        """One step of 20 ms at monotonic time `tick_ns`: take what has arrived, give what is to be sent."""
        members = self._members
        for port_id, arrival_ns, ssrc, sequence, timestamp, payload_type, _, payload in arrivals:
            member = members.get(port_id)
            if member is not None:
                early_ms = (tick_ns - arrival_ns) / 1e6
                try:
                    member.playout.packet(early_ms, ssrc, sequence, timestamp, payload_type, payload)
                except Exception as error:
                    member.hear_anew(error)
                if payload_type in member.event_types:
                    self._ears.event_packet(port_id, payload)
        if self._changed:
            self._arrange()
        spoken: list[Spoken] = []
        for group in self._groups.values():
            group.pull()
            spoken += group.speak(self._sounds, self._dialling)
            self._tell_talkers(group)
        if self._ears.listening:
            self._listen()
        if self._dialling:
            self._end_dialling()
        self._end_sounds()
        return spoken

    def events(self) -> list[PortEvent]:
        """Take what there is to tell."""
        taken, self._events = self._events, []
        return taken

    def _arrange(self) -> None:
        by_rate: dict[int, list[Member]] = {}
        for member in self._members.values():
            by_rate.setdefault(member.room_hz, []).append(member)
        for rate_hz in [rate_hz for rate_hz in self._groups if rate_hz not in by_rate]:
            del self._groups[rate_hz]
        for rate_hz, members in by_rate.items():
            if rate_hz not in self._groups:
                self._groups[rate_hz] = Group(rate_hz)
            self._groups[rate_hz].arrange(members)
        self._ears.arrange(self._groups.values())
        if self._sounds:
            rooms = {member.room for member in self._members.values()}
            self._sounds = {room: runs for room, runs in self._sounds.items() if room in rooms}
        self._dialling.keep({port_id for port_id, member in self._members.items() if member.mix is not None})
        self._changed = False

    def _tell_talkers(self, group: Group) -> None:
        talking = group.rooms.talking
        if not len(talking):
            return
        for row in group.rooms.changed_talkers():
            member = group.members[row]
            self._events.append(Talking(port_id=member.port_id, revision=member.revision, talking=bool(talking[row])))

    def _listen(self) -> None:
        try:
            self._events += self._ears.hear()
        except Exception as error:
            # Those who are listened to begin anew; what is said and heard goes on.
            self._ears = Ears()
            self._changed = True
            for member in self._members.values():
                if member.detect:
                    member.failed(error)

    def _end_dialling(self) -> None:
        for port_id, digits_id in self._dialling.ended():
            revision = self._members[port_id].revision
            self._events.append(DigitsSent(port_id=port_id, revision=revision, digits_id=digits_id))

    def _end_sounds(self) -> None:
        for room, runs in list(self._sounds.items()):
            left = [run for run in runs if not run.over]
            if left:
                self._sounds[room] = left
            else:
                del self._sounds[room]

"""Group: the members of all rooms of one rate through one tick: said, resampled, mixed, resampled, encoded."""

from __future__ import annotations

from collections import Counter

import numpy as np

from media.codecs import CODECS, Codec, Samples
from media.frame_rows import Spoken
from media.mix.bank import ResamplerBank
from media.mix.dialling import Dialling
from media.mix.member import Member
from media.mix.room import RoomGroup
from media.mix.sound_run import SoundRun
from media.mix.speaker import Speaker

SharedKey = tuple[int, int, str, str | None, int]


class Group:
    """Everything that is arranged anew only when members come, go or change."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.rooms = RoomGroup(rate_hz)
        self.said: Samples = np.zeros((0, rate_hz // 50), dtype=np.int16)
        self._hearing: dict[int, list[int]] = {}
        """Sample rate of the decoder -> rows, for those that are not decoded at the rooms' rate."""
        self._up: dict[int, ResamplerBank] = {}
        self._speaking: dict[int, list[int]] = {}
        self._down: dict[int, ResamplerBank] = {}
        self._shared: dict[SharedKey, Speaker] = {}
        self._fresh: list[Member] = []

    @property
    def members(self) -> list[Member]:
        """In the order of the rows."""
        return self.rooms.members

    def arrange(self, members: list[Member]) -> None:
        """Take these members."""
        self.rooms.arrange(members)
        rows = self.rooms.members
        self.said = np.zeros((len(rows), self.rate_hz // 50), dtype=np.int16)
        self._hearing, self._speaking = {}, {}
        self._fresh = [member for member in rows if member.fresh > 0]
        for row, member in enumerate(rows):
            if member.hear_hz != self.rate_hz:
                self._hearing.setdefault(member.hear_hz, []).append(row)
            if member.mix is not None:
                self._speaking.setdefault(member.speaker.rate_hz, []).append(row)
        self._keep_banks(self._up, self._hearing, up=True)
        self._keep_banks(self._down, self._speaking, up=False)
        wanted = {self._shared_key(row) for rows_ in self._speaking.values() for row in rows_}
        self._shared = {key: speaker for key, speaker in self._shared.items() if key in wanted}

    def _keep_banks(self, banks: dict[int, ResamplerBank], rows: dict[int, list[int]], *, up: bool) -> None:
        for rate_hz in [rate_hz for rate_hz in banks if rate_hz not in rows]:
            del banks[rate_hz]
        for rate_hz, wanted in rows.items():
            if rate_hz == self.rate_hz:
                continue
            if rate_hz not in banks:
                banks[rate_hz] = ResamplerBank(*((rate_hz, self.rate_hz) if up else (self.rate_hz, rate_hz)))
            banks[rate_hz].arrange([self.members[row].port_id for row in wanted])

    # -- what is said

    def pull(self) -> None:
        """Take 20 ms out of each member's playout into `said`."""
        said = self.said
        said[:] = 0
        coded: dict[str, tuple[Codec, list[int], list[bytes]]] = {}
        odd: dict[int, dict[int, Samples]] = {}
        for row, member in enumerate(self.members):
            try:
                given = member.playout.pull()
            except Exception as error:
                member.hear_anew(error)
                continue
            if given is None:
                continue
            if isinstance(given, bytes):
                codec = member.playout.given_codec
                coded.setdefault(codec.name, (codec, [], []))[1].append(row)
                coded[codec.name][2].append(given)
            elif member.hear_hz == self.rate_hz:
                said[row] = given
            else:
                odd.setdefault(member.hear_hz, {})[row] = given
        for codec, rows, payloads in coded.values():
            octets = np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(rows), -1)
            frames = codec.decode_rows(octets)
            if self.rate_hz == codec.rate_hz:
                said[rows] = frames
            else:
                odd.setdefault(codec.rate_hz, {}).update(zip(rows, frames, strict=True))
        for rate_hz, rows in self._hearing.items():
            given_rows = odd.get(rate_hz, {})
            silence = np.zeros(rate_hz // 50, dtype=np.int16)
            said[rows] = self._up[rate_hz].process(np.stack([given_rows.get(row, silence) for row in rows]))

    # -- what is heard

    def speak(self, sounds: dict[int, list[SoundRun]], dialling: Dialling) -> list[Spoken]:
        """Mix what was said, and give each member's packets."""
        if not self._speaking:
            return []
        heard = self.rooms.mix(self.said, sounds)
        if dialling:
            dialling.say(self.rooms, heard)
        self._wait_for_others()
        spoken: list[Spoken] = []
        for rate_hz, rows in self._speaking.items():
            frames = heard[rows] if rate_hz == self.rate_hz else self._down[rate_hz].process(heard[rows])
            self._encode(rows, frames, spoken)
        return spoken

    def _wait_for_others(self) -> None:
        """Who has just come in from the relay is sent nothing until somebody else's sound is there to be heard.

        Silence would be a hole in what it hears; without packets its phone bridges the moment.
        """
        if not self._fresh:
            return
        begun = Counter(member.room for member in self.members if member.playout.begun)
        for member in self._fresh:
            member.fresh -= 1
            if begun[member.room] > member.playout.begun:
                member.fresh = 0
        self._fresh = [member for member in self._fresh if member.fresh > 0]

    def _encode(self, rows: list[int], frames: Samples, spoken: list[Spoken]) -> None:
        batches: dict[str, list[int]] = {}
        once: dict[SharedKey, list[bytes]] = {}
        alike = self.rooms.hears_the_sum
        for place, row in enumerate(rows):
            member = self.members[row]
            speaker = member.speaker
            if member.fresh > 0:
                continue
            if speaker.batched:
                batches.setdefault(speaker.codec.name, []).append(place)
                continue
            try:
                if alike[row] and speaker.shareable:
                    key = self._shared_key(row)
                    payloads = once.get(key)
                    if payloads is None:
                        payloads = once[key] = self._shared_speaker(key, member).payloads(frames[place])
                else:
                    payloads = speaker.payloads(frames[place])
            except Exception as error:
                member.speak_anew(error)
                self._shared.pop(self._shared_key(row), None)
                continue
            spoken.extend((member.port_id, payload, speaker.units, speaker.payload_type) for payload in payloads)
        for name, places in batches.items():
            codec = CODECS[name.lower()]
            octets = codec.encode_rows(frames[places] if len(places) < len(rows) else frames)
            data, size = octets.tobytes(), octets.shape[1]
            for at, place in enumerate(places):
                member = self.members[rows[place]]
                speaker = member.speaker
                payload = data[at * size : (at + 1) * size]
                spoken.append((member.port_id, payload, speaker.units, speaker.payload_type))

    def _shared_key(self, row: int) -> SharedKey:
        voice = self.members[row].voice
        speak = voice.speak
        return int(self.rooms.room_of(row)), voice.ptime_ms, speak.codec, speak.fmtp, self.members[row].speaker.rate_hz

    def _shared_speaker(self, key: SharedKey, member: Member) -> Speaker:
        speaker = self._shared.get(key)
        if speaker is None:
            speaker = self._shared[key] = Speaker(member.voice.speak, member.voice.ptime_ms, member.speaker.rate_hz)
        return speaker

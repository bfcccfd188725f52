"""Member: one port in the mix path: what it says comes out of its playout, what it hears goes into its speaker."""

from __future__ import annotations

import sys
import traceback
from typing import Final

from media.codecs import CODECS
from media.mix.playout import Playout
from media.mix.speaker import Speaker, speaking_rate
from media.mix.understood import ConvertedDecoder, Understood
from media.mix_state import Mix, Voice
from media.port_state import PortState

NARROW_HZ: Final = 8000
FRESH_TICKS: Final = 8
"""For so long who comes in may wait for the first sound."""
_NOISE: Final = "cn"


class Member:
    """A port whose frames the mix path takes, in a room or only listened to by detectors."""

    def __init__(self, port_id: int, revision: int, state: PortState) -> None:
        assert state.voice is not None
        self.port_id = port_id
        self.revision = revision
        self.voice: Voice = state.voice
        self.mix: Mix | None = state.mix
        self.detect = state.detect
        self.event_types = _reported_events(state)
        self.talking = False
        self.fresh = FRESH_TICKS
        self.room_hz = _room_hz(state)
        self.hear_hz = hearing_rate(self.voice, self.room_hz)
        self.playout = Playout(clock_rate=_clock(self.voice), rate_hz=self.hear_hz, types=understood(self))
        self.speaker = self._make_speaker()

    def follow(self, revision: int, state: PortState) -> None:
        """Take a new state; what has not changed goes on as it is."""
        assert state.voice is not None
        before = (self.voice, self.room_hz)
        self.revision, self.mix, self.detect = revision, state.mix, state.detect
        self.event_types = _reported_events(state)
        self.room_hz = _room_hz(state)
        if (state.voice, self.room_hz) == before:
            return
        spoken, self.voice = self.voice, state.voice
        self.hear_hz = hearing_rate(self.voice, self.room_hz)
        self.playout.retune(_clock(self.voice), self.hear_hz, understood(self))
        if (self.voice.speak, self.voice.ptime_ms, self.room_hz) != (spoken.speak, spoken.ptime_ms, before[1]):
            self.speaker = self._make_speaker()

    def failed(self, error: Exception) -> None:
        """Count an error of ours with this member's sound, which nobody else shall notice.

        Said at the first, second, fourth, eighth … time: what fails, fails fifty times a second.
        """
        counts = self.playout.counts
        counts.faults += 1
        if counts.faults.bit_count() == 1:
            print(f"media worker: port {self.port_id}: fault {counts.faults} in the mix path:", file=sys.stderr)
            traceback.print_exception(error)

    def hear_anew(self, error: Exception) -> None:
        """What it says could not be played: its stream begins anew."""
        self.failed(error)
        self.playout.flush()

    def speak_anew(self, error: Exception) -> None:
        """What it hears could not be encoded: an encoder begins anew."""
        self.failed(error)
        self.speaker = self._make_speaker()

    @property
    def room(self) -> int | None:
        """The room it is in."""
        return None if self.mix is None else self.mix.room

    def _make_speaker(self) -> Speaker:
        speak = self.voice.speak
        return Speaker(speak, self.voice.ptime_ms, speaking_rate(speak.codec, self.room_hz))


def hearing_rate(voice: Voice, room_hz: int) -> int:
    """The sample rate that a far end's codec is decoded at: the room's where it can, else its own."""
    for one in voice.hear:
        codec = CODECS.get(one.codec)
        if codec is not None:
            return room_hz if room_hz in codec.rates_hz else codec.rates_hz[0]
    return NARROW_HZ


def understood(member: Member) -> dict[int, Understood]:
    """What each payload type of the member means; codecs of another RTP clock than the first are not understood."""
    types: dict[int, Understood] = {}
    clock = _clock(member.voice)
    for one in member.voice.hear:
        codec = CODECS.get(one.codec)
        if one.codec == _NOISE:
            types[one.payload_type] = Understood(noise=True)
        elif codec is not None and codec.clock_rate == clock:
            own = member.hear_hz in codec.rates_hz
            decoder = codec.decoder(member.hear_hz) if own else ConvertedDecoder(codec, member.hear_hz)
            types[one.payload_type] = Understood(codec=codec, decoder=decoder)
    return types


def _clock(voice: Voice) -> int:
    for one in voice.hear:
        codec = CODECS.get(one.codec)
        if codec is not None:
            return codec.clock_rate
    return NARROW_HZ


def _room_hz(state: PortState) -> int:
    return state.mix.rate_hz if state.mix is not None else NARROW_HZ


def _reported_events(state: PortState) -> frozenset[int]:
    """Payload types of events whose keys are reported without a detector; of interest to the one of keys only."""
    if "dtmf" not in state.detect or state.digits == "pass":
        return frozenset()
    return frozenset(payload_type for payload_type, _ in state.event_types)

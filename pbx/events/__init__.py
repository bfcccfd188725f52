"""The typed event log: every fact the system states, and its registry."""

from __future__ import annotations

from typing import Final

from pbx.events.base import Envelope, Event, EventError, Unknown
from pbx.events.call import CallAnswered, CallBridged, CallCreated, CallEnded, CallRouted, Checkpoint
from pbx.events.conference import ConferenceJoined, ConferenceLeft, ConferenceMemberChanged
from pbx.events.leg import LegAnswered, LegEnded, LegHeld, LegMedia, LegResumed, LegRinging, LegStarted
from pbx.events.node import NodeStarted, NodeStopping, SoundMissing
from pbx.events.recording import (
    RecordingBroken,
    RecordingFailed,
    RecordingPaused,
    RecordingReady,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
)
from pbx.events.registration import AuthenticationFailed, RegistrationChanged
from pbx.events.speech import SpeechFailed
from pbx.events.supervision import SupervisionChanged, SupervisionEnded
from pbx.events.wire import Wire

EVENTS: Final[dict[int, type[Event]]] = {
    NodeStarted.code: NodeStarted,
    NodeStopping.code: NodeStopping,
    SoundMissing.code: SoundMissing,
    CallCreated.code: CallCreated,
    CallRouted.code: CallRouted,
    CallAnswered.code: CallAnswered,
    CallBridged.code: CallBridged,
    CallEnded.code: CallEnded,
    Checkpoint.code: Checkpoint,
    LegStarted.code: LegStarted,
    LegRinging.code: LegRinging,
    LegAnswered.code: LegAnswered,
    LegEnded.code: LegEnded,
    LegMedia.code: LegMedia,
    LegHeld.code: LegHeld,
    LegResumed.code: LegResumed,
    ConferenceJoined.code: ConferenceJoined,
    ConferenceLeft.code: ConferenceLeft,
    ConferenceMemberChanged.code: ConferenceMemberChanged,
    SpeechFailed.code: SpeechFailed,
    SupervisionChanged.code: SupervisionChanged,
    SupervisionEnded.code: SupervisionEnded,
    RegistrationChanged.code: RegistrationChanged,
    AuthenticationFailed.code: AuthenticationFailed,
    RecordingStarted.code: RecordingStarted,
    RecordingPaused.code: RecordingPaused,
    RecordingResumed.code: RecordingResumed,
    RecordingStopped.code: RecordingStopped,
    RecordingBroken.code: RecordingBroken,
    RecordingReady.code: RecordingReady,
    RecordingFailed.code: RecordingFailed,
}

_WIRE: Final = Wire(EVENTS)
encode: Final = _WIRE.encode
decode: Final = _WIRE.decode

__all__ = [
    "EVENTS",
    "AuthenticationFailed",
    "CallAnswered",
    "CallBridged",
    "CallCreated",
    "CallEnded",
    "CallRouted",
    "Checkpoint",
    "ConferenceJoined",
    "ConferenceLeft",
    "ConferenceMemberChanged",
    "Envelope",
    "Event",
    "EventError",
    "LegAnswered",
    "LegEnded",
    "LegHeld",
    "LegMedia",
    "LegResumed",
    "LegRinging",
    "LegStarted",
    "NodeStarted",
    "NodeStopping",
    "RecordingBroken",
    "RecordingFailed",
    "RecordingPaused",
    "RecordingReady",
    "RecordingResumed",
    "RecordingStarted",
    "RecordingStopped",
    "RegistrationChanged",
    "SoundMissing",
    "SpeechFailed",
    "SupervisionChanged",
    "SupervisionEnded",
    "Unknown",
    "Wire",
    "decode",
    "encode",
]

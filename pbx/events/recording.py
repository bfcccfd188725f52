"""Events of recordings: while the call goes on, and what became of the sound afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted(Event):
    """From here on the call is recorded. `recording` is the call's id, `-` and the number of the recording in it.

    `kind` is `call`, or `message` for one party that speaks to the server; `by` says who wanted it: `policy`, `api`,
    `plan`.
    """

    code: ClassVar[int] = 60
    type: ClassVar[str] = "recording.started"

    call: str
    recording: str
    kind: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPaused(Event):
    """What is said from here on is not recorded; silence stands in its place."""

    code: ClassVar[int] = 61
    type: ClassVar[str] = "recording.paused"

    call: str
    recording: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResumed(Event):
    """The recording goes on."""

    code: ClassVar[int] = 62
    type: ClassVar[str] = "recording.resumed"

    call: str
    recording: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStopped(Event):
    """The recording is over; `by` is `call` where the call was."""

    code: ClassVar[int] = 63
    type: ClassVar[str] = "recording.stopped"

    call: str
    recording: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBroken(Event):
    """A leg is not recorded any more, or was not at all, though it should be (a full disk, say)."""

    code: ClassVar[int] = 64
    type: ClassVar[str] = "recording.broken"

    call: str
    recording: str
    leg: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReady(Event):
    """The audio file is there. `state` is `ready`, or `partial` where `reason` says what is missing."""

    code: ClassVar[int] = 65
    type: ClassVar[str] = "recording.ready"

    call: str
    recording: str
    tenant: str | None
    state: str
    duration_ms: int
    size_bytes: int
    sha256: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(Event):
    """No audio file could be made."""

    code: ClassVar[int] = 66
    type: ClassVar[str] = "recording.failed"

    call: str
    recording: str
    tenant: str | None
    reason: str

"""Events of supervision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionChanged(Event):
    """A supervisor hears a call in a `mode` (listen, whisper, barge) from now on; `by`: a key, or who asked."""

    code: ClassVar[int] = 55
    type: ClassVar[str] = "supervision.changed"

    call: str
    leg: str
    extension: str
    mode: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionEnded(Event):
    """A supervisor hears a call no more, or never came to hear it."""

    code: ClassVar[int] = 56
    type: ClassVar[str] = "supervision.ended"

    call: str
    extension: str
    heard: bool

"""Events of speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechFailed(Event):
    """A text of a call was not spoken: the engine failed or was slow. What it said is not written down."""

    code: ClassVar[int] = 57
    type: ClassVar[str] = "speech.failed"

    call: str
    leg: str
    language: str
    why: str

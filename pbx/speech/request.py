"""Speech request: a text to be spoken, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NONE: Final = "none"
"""In place of the name of an engine: nobody speaks."""
MOST_CHARACTERS: Final = 1000


class SpeechError(Exception):
    """A text that was not spoken; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """A text in a language, spoken by a voice of the engine at a speed."""

    text: str
    language: str
    voice: str
    words_per_minute: int = 165

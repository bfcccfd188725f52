"""Voice: who speaks a language, as it is written in settings and manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

VOICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_. -]{0,63}", re.ASCII)
"""Names of voices; a voice is an argument of a program and must not look like an option or a path."""
_WORDS_PER_MINUTE: Final = 165


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Who speaks a language: a voice of the engine, and how fast."""

    name: str
    words_per_minute: int = _WORDS_PER_MINUTE


def voice_of(text: str) -> Voice:
    """A voice written as `en-us+f3` or `en-us+f3 165`. Raises ValueError."""
    name, _, speed = text.strip().rpartition(" ")
    if not name:
        name, speed = speed, str(_WORDS_PER_MINUTE)
    if not VOICE.fullmatch(name) or not speed.isascii() or not speed.isdigit() or not 80 <= int(speed[:9]) <= 450:
        raise ValueError(f"voice {text[:80]!r}: give it like `en-us+f3 165`, a name and 80 to 450 words a minute")
    return Voice(name=name, words_per_minute=int(speed))

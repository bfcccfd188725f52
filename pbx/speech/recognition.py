"""Recognition: what turns sound into text; engines come from entry points, none is built in."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from pbx.speech.request import SpeechError

GROUP: Final = "cordboard.recognition"


class Heard(NamedTuple):
    """What was understood, and how sure of it the engine is (0 to 1)."""

    text: str
    confidence: float


class RecognitionEngine(Protocol):
    """Understands one recording at a time; may be asked for several at once."""

    async def recognise(self, sound: Path, language: str, hot_words: Sequence[str], limit_s: float) -> Heard:
        """Text of a WAV file. Raises SpeechError, also when `limit_s` is over."""


def recognition_engine(name: str) -> RecognitionEngine:
    """The engine of a name. Raises SpeechError for one that is not installed or cannot be loaded."""
    known = {one.name: one for one in entry_points(group=GROUP)}
    if name not in known:
        allowed = ", ".join(known) or "none is installed"
        raise SpeechError(f"recognition engine {name!r} is not known (allowed: {allowed})")
    try:
        engine: RecognitionEngine = known[name].load()()
    except Exception as error:  # the code of others may raise anything
        raise SpeechError(f"recognition engine {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return engine

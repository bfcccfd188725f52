"""Speech engine: what turns text into a sound file, and the engines by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from pbx.speech.espeak import Espeak
from pbx.speech.pyttsx import Pyttsx
from pbx.speech.request import MOST_CHARACTERS, NONE, SpeechError, SpeechRequest
from pbx.speech.voice import VOICE

GROUP: Final = "cordboard.speech"
"""Entry points of this group name factories of engines of others."""


class SpeechEngine(Protocol):
    """Speaks one text at a time; may be asked for several at once."""

    async def speak(self, request: SpeechRequest, out: Path, limit_s: float) -> None:
        """Write the sound of the text to `out`, a WAV file. Raises SpeechError, also when `limit_s` is over."""


ENGINES: Final[dict[str, Callable[[], SpeechEngine]]] = {
    "espeak-ng": Espeak,
    "pyttsx3": Pyttsx,
}


def speech_engine(name: str) -> SpeechEngine:
    """The engine of a name. Raises SpeechError for one that is not known or cannot be loaded."""
    factory = ENGINES.get(name)
    if factory is not None:
        return factory()
    others = {one.name: one for one in entry_points(group=GROUP)}
    if name not in others:
        raise SpeechError(f"speech engine {name!r} is not known (allowed: {', '.join([*ENGINES, *others, NONE])})")
    try:
        engine: SpeechEngine = others[name].load()()
    except Exception as error:  # the code of others may raise anything
        raise SpeechError(f"speech engine {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return engine


def checked(request: SpeechRequest) -> SpeechRequest:
    """The request, if it is one that engines take. Raises SpeechError."""
    if not request.text.strip():
        raise SpeechError("there is nothing to say: the text is empty")
    if len(request.text) > MOST_CHARACTERS:
        raise SpeechError(f"a text of {len(request.text)} characters; give at most {MOST_CHARACTERS}")
    if "\0" in request.text or any("\ud800" <= one <= "\udfff" for one in request.text):
        raise SpeechError("the text holds characters that are none")
    if not VOICE.fullmatch(request.voice):
        raise SpeechError(f"voice {request.voice[:80]!r} is no name of a voice")
    return request

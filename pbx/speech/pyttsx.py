"""Pyttsx: the speech engines behind pyttsx3, one process for each text: the library is not made for several at once."""

from __future__ import annotations

import json
import os
import sys
import time
import wave
from pathlib import Path
from typing import Final

import pbx
from pbx.speech.program import run
from pbx.speech.request import SpeechRequest

_POLL_S: Final = 0.01
_WAVE_HEADER: Final = 44
_ROOT: Final = str(Path(pbx.__file__).resolve().parent.parent)


class Pyttsx:
    """Speaks by pyttsx3, which takes the speech of the operating system: eSpeak on Linux."""

    async def speak(self, request: SpeechRequest, out: Path, limit_s: float) -> None:
        """Write the sound of the text to `out`. Raises SpeechError."""
        wanted = {
            "text": request.text,
            "voice": request.voice,
            "words_per_minute": request.words_per_minute,
            "out": str(out),
        }
        path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "pbx.speech.pyttsx"]
        await run(command, json.dumps(wanted).encode(), limit_s, {**os.environ, "PYTHONPATH": path})


def main() -> int:
    """Speak what standard input describes, in a process of its own."""
    import pyttsx3  # type: ignore[import-untyped]  # only in this process: it loads the engine

    wanted = json.load(sys.stdin)
    engine = pyttsx3.init()
    engine.setProperty("voice", wanted["voice"])
    engine.setProperty("rate", wanted["words_per_minute"])
    out = Path(wanted["out"])
    engine.save_to_file(wanted["text"], str(out))
    engine.runAndWait()
    # pyttsx3 2.99 comes back before eSpeak has spoken a longer text; `run` ends this process when it takes too long.
    while not _is_whole(out):
        time.sleep(_POLL_S)
    return 0


def _is_whole(path: Path) -> bool:
    try:
        with wave.open(str(path), "rb") as sound:
            return 0 < sound.getnframes() * sound.getsampwidth() <= path.stat().st_size - _WAVE_HEADER
    except (OSError, EOFError, wave.Error):
        return False


if __name__ == "__main__":
    sys.exit(main())

"""Pyttsx: the speech engines behind pyttsx3, one process for each text: the library is not made for several at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

import pbx
from pbx.speech.program import run
from pbx.speech.request import SpeechRequest

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
    engine.save_to_file(wanted["text"], wanted["out"])
    engine.runAndWait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

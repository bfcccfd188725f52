"""Espeak: the speech engine eSpeak NG, run as a program for each text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pbx.speech.program import run
from pbx.speech.request import SpeechRequest

PROGRAM: Final = "espeak-ng"


class Espeak:
    """Speaks by `espeak-ng`; its voices are those of `espeak-ng --voices`, with a variant: `en-us+f3`."""

    async def speak(self, request: SpeechRequest, out: Path, limit_s: float) -> None:
        """Write the sound of the text to `out`. Raises SpeechError."""
        speed = str(request.words_per_minute)
        # -b 1: the text is UTF-8, whatever the locale of the process.
        command = [PROGRAM, "-b", "1", "-v", request.voice, "-s", speed, "--stdin", "-w", str(out)]
        await run(command, request.text.encode(), limit_s)

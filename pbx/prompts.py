"""Prompts: brings the sounds of a server from what is ready at its start to all of them, while calls go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pbx.records.client import RecordsError
from pbx.sounds import FIRST_CODECS, LATER_CODECS, Sounds

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

    from pbx.records.studio_client import StudioClient

_MOST_TOLD: Final = 20
_BEGIN_S: Final = 5.0
"""No start waits longer for new recordings; they are heard a little later."""


class Prompts:
    """Fills `sounds` from the studio of the records process."""

    def __init__(self, studio: StudioClient, sounds: Sounds, log: BoundLogger) -> None:
        self._studio = studio
        self._sounds = sounds
        self._log = log
        self._told: set[str] = set()
        self.left = 0
        """Recordings that were not ready when the server had to start."""

    async def begin(self) -> None:
        """What calls need at once: tones, music, and the prompts that are recorded or have been spoken before.

        Raises RecordsError.
        """
        files, faults, self.left = await self._studio.prepare(None, FIRST_CODECS, _BEGIN_S)
        self._sounds.add(files)
        self._tell(faults)

    async def build(self, languages: Sequence[str], in_use: Sequence[str], *, speak: bool = True) -> None:
        """Speak what has not been spoken, the languages in use first, then make all ready in the other codecs too.

        Without `speak`, only what was left at the start is made ready.
        """
        first = [one for one in languages if one in in_use]
        steps = [(first, FIRST_CODECS, False)] if first and len(first) < len(languages) else []
        steps.append((list(languages), FIRST_CODECS, True))
        if speak:
            steps.append((list(languages), LATER_CODECS, True))
        try:
            for group, codecs, everything in steps:
                files, faults = await self._studio.build(group, codecs, speak=speak, everything=everything)
                self._tell(faults)
                complete = [name for name in codecs if f"{name}/tones/silence" in files]
                self._sounds.add(files, complete=complete)
        except RecordsError as error:
            self._log.error("prompts were not made ready; a restart tries again", why=str(error))
            return
        self._log.info("prompts are ready", languages=",".join(languages), codecs=",".join(self._sounds.codecs))

    def _tell(self, faults: Sequence[str]) -> None:
        """Each fault once; damage of a whole folder does not fill the log."""
        for fault in faults:
            if fault not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add(fault)
                self._log.warning("sound left out", why=fault)

"""Sounds: the catalogue of ready payload files, and the players made from it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from media.offer_answer import Agreement
from media.port_state import Player
from media.ready_file import ReadyFile

CODECS = ("pcma", "pcmu")
"""What sounds are made ready in."""

FALLBACK_LANGUAGE = "en"
FALLBACK_COUNTRY = "us"


class Sounds:
    """Finds prompts and tones by name: in the language and country of the call, then in the fallback ones."""

    def __init__(self, catalogue: Mapping[str, ReadyFile]) -> None:
        self._catalogue = catalogue
        self._numbers = count(1)

    @property
    def codecs(self) -> tuple[str, ...]:
        return CODECS

    def player(
        self, name: str, language: str, country: str, agreement: Agreement | None, plays: int | None
    ) -> Player | None:
        """A player in the first agreed codec that the sound exists in; None where there is none."""
        if agreement is None:
            return None
        for form in agreement.formats:
            ready = self._find(form.name.lower(), name, language, country)
            if ready is not None:
                return ready.player(next(self._numbers), form.send_pt, plays=plays)
        return None

    def music(self, agreement: Agreement | None) -> Player | None:
        """Music for whoever is held, without end; None where it does not exist in an agreed codec."""
        return self.player("hold", "music", FALLBACK_COUNTRY, agreement, None)

    def _find(self, codec: str, name: str, language: str, country: str) -> ReadyFile | None:
        places = (language, f"tones/{country}", FALLBACK_LANGUAGE, f"tones/{FALLBACK_COUNTRY}")
        for place in places:
            ready = self._catalogue.get(f"{codec}/{place}/{name}")
            if ready is not None:
                return ready
        return None

"""Sounds: the catalogue of ready payload files, and the players made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from media.mix_state import RoomSound
from media.offer_answer import Agreement
from media.port_state import Player
from media.ready_file import ReadyFile

FIRST_CODECS: Final = ("pcma", "pcmu")
"""What sounds are made ready in before the first call is taken."""
LATER_CODECS: Final = ("g722", "opus")
"""What they are made ready in afterwards."""

FALLBACK_LANGUAGE: Final = "en"
FALLBACK_COUNTRY: Final = "us"
SILENCE: Final = "silence"
HOLD_MUSIC: Final = "hold"
_MOST_MISSING: Final = 1000


def _unheard(name: str, language: str) -> None:
    """Nobody wants to know what is missing."""


class Sounds:
    """Finds prompts and tones by name: in the languages and country of the call, then in the fallback ones.

    `on_missing` is told once of each sound that no language has: a short silence is heard in its place.
    """

    def __init__(
        self,
        catalogue: Mapping[str, ReadyFile],
        *,
        language: str = FALLBACK_LANGUAGE,
        on_missing: Callable[[str, str], None] = _unheard,
    ) -> None:
        self._catalogue: dict[str, ReadyFile] = {}
        self._language = language
        self._on_missing = on_missing
        self._missing: set[tuple[str, str]] = set()
        self._numbers = count(1)
        self._codecs: tuple[str, ...] = FIRST_CODECS
        self._present: frozenset[str] = frozenset()
        self._languages: tuple[str, ...] = ()
        self.add(catalogue)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs in which every sound is ready."""
        return self._codecs

    def add(self, files: Mapping[str, ReadyFile], *, complete: Sequence[str] = ()) -> None:
        """More files, or newer ones of the same names; `complete` are codecs in which nothing is left to be made."""
        self._catalogue.update(files)
        self._codecs = tuple(dict.fromkeys((*self._codecs, *complete)))
        parts = [name.split("/", 2) for name in self._catalogue]
        self._present = frozenset(part[0] for part in parts)
        self._languages = tuple(sorted({part[1] for part in parts if not part[1].startswith("@")} - {"tones", "music"}))
        self._missing.clear()

    def player(
        self,
        name: str,
        language: str | Sequence[str],
        country: str,
        agreement: Agreement | None,
        plays: int | None,
        tenant: str | None = None,
    ) -> Player | None:
        """A player of one sound; `sequence` of it alone."""
        return self.sequence([name], language, country, agreement, plays, tenant)

    def sequence(
        self,
        names: Sequence[str],
        language: str | Sequence[str],
        country: str,
        agreement: Agreement | None,
        plays: int | None = 1,
        tenant: str | None = None,
    ) -> Player | None:
        """A player of sounds that follow one another without a gap, in the first agreed codec that has sounds.

        `language`: one, or several in order of preference (the call's, the number's, the tenant's). A sound that is
        in no language is 200 ms of silence; None where no agreed codec has sounds at all.
        """
        languages = (language,) if isinstance(language, str) else tuple(language)
        for form in agreement.formats if agreement is not None else ():
            codec = form.name.lower()
            if codec not in self._present:
                continue
            found = [self._sound(codec, name, languages, country, tenant) for name in names]
            files = [file for file in found if file is not None]
            if files:
                return files[0].player(
                    next(self._numbers), form.send_pt, plays=plays, more=tuple(file.path for file in files[1:])
                )
        return None

    def spoken(
        self, texts: Sequence[Mapping[str, ReadyFile]], agreement: Agreement | None, plays: int | None = 1
    ) -> Player | None:
        """A player of texts that were spoken, each a file by codec; None where no agreed codec is among them."""
        for form in agreement.formats if agreement is not None else ():
            files = [text[form.name.lower()] for text in texts if form.name.lower() in text]
            if files and len(files) == len(texts):
                return files[0].player(
                    next(self._numbers), form.send_pt, plays=plays, more=tuple(file.path for file in files[1:])
                )
        return None

    def music(self, agreement: Agreement | None, name: str = HOLD_MUSIC) -> Player | None:
        """Music without end, where everybody who hears it is at the same place of it; None in no agreed codec."""
        for form in agreement.formats if agreement is not None else ():
            codec = form.name.lower()
            ready = self._catalogue.get(f"{codec}/music/{name}") or self._catalogue.get(f"{codec}/music/{HOLD_MUSIC}")
            if ready is not None:
                return ready.player(next(self._numbers), form.send_pt, plays=None, shared=True)
        return None

    def room_sound(self, name: str, rate_hz: int, number: int) -> RoomSound | None:
        """A signal for a whole room of this rate; `number` tells it from others there. None where it is not ready."""
        ready = self._catalogue.get(f"room{rate_hz}/tones/{name}")
        return None if ready is None else RoomSound(id=number, path=ready.path, rate_hz=rate_hz)

    def next_id(self) -> int:
        """A number that no player has."""
        return next(self._numbers)

    def _sound(
        self, codec: str, name: str, languages: Sequence[str], country: str, tenant: str | None
    ) -> ReadyFile | None:
        for place in self._places(languages, country, tenant):
            ready = self._catalogue.get(f"{codec}/{place}/{name}")
            if ready is not None:
                return ready
        wanted = (name, languages[0] if languages else self._language)
        # Names may come from flows: what is remembered of them has a bound.
        if wanted not in self._missing and len(self._missing) < _MOST_MISSING:
            self._missing.add(wanted)
            self._on_missing(*wanted)
        return self._catalogue.get(f"{codec}/tones/{SILENCE}")

    def _places(self, languages: Sequence[str], country: str, tenant: str | None) -> Iterator[str]:
        """Where a sound may be, the most particular place first."""
        for language in (*languages, self._language):
            if tenant is not None:
                yield f"@{tenant}/{language}"
            yield language
        yield f"tones/{country}"
        yield f"tones/{FALLBACK_COUNTRY}"
        yield "tones"
        yield from self._languages

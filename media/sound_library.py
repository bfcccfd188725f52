"""Sound library: every tone, prompt and piece of music in its folders, made ready for ports in each codec.

A root holds a folder per language, `music`, and `tenants/<key>/<language>`. Of several roots the first that has a
sound wins, so that a recorded prompt takes the place of one that was rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

import media.tones
from media.audio_file import SUFFIXES, AudioFileError, Float, Samples, read_audio, resample, to_int16
from media.codecs import CODECS, Codec
from media.loudness import levelled
from media.payload import WIDEBAND_HZ, PayloadError, encoding_rate_hz, ready_file, write_payload
from media.payload_index import PayloadIndex, origin_of
from media.ready_file import ReadyFile
from media.tones import SIGNALS, TONES, Tone, render

MUSIC: Final = "music"
TENANTS: Final = "tenants"
RANDOM: Final = "random"
"""A file of this name in a folder of music: its pieces are shuffled instead of sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """One sound to be made ready: its name in the catalogue, the files that it is made from, its tone if it is one."""

    name: str
    sources: tuple[Path, ...]
    tone: Tone | None = None
    loop: bool = False


@dataclass(slots=True, kw_only=True)
class Catalogue:
    """`<codec>/<name>` -> ready file, a line for each file that could not be read, and how many were left for later."""

    files: dict[str, ReadyFile] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    left: int = 0


def _never() -> bool:
    return False


def prepare(
    roots: Sequence[Path],
    out: Path,
    languages: Sequence[str] | None,
    codecs: Sequence[str],
    over: Callable[[], bool] = _never,
) -> Catalogue:
    """Make ready what is not: tones, the prompts of `languages` (None: of all that have a folder), and music.

    A damaged file is a fault, and the sound is taken from the next root; once the time is `over`, what is not ready is
    left. Raises PayloadError (unknown codec), OSError.
    """
    chosen = [_codec(name) for name in codecs]
    catalogue = Catalogue()
    index = PayloadIndex(out)
    try:
        for choices in sounds_of(roots, languages):
            _prepare_one(choices, out, chosen, index, catalogue, over)
    finally:
        index.save()
    return catalogue


def sounds_of(roots: Sequence[Path], languages: Sequence[str] | None) -> Iterator[list[Sound]]:
    """Every sound, with what it may be made from in order of preference."""
    plan = Path(media.tones.__file__)
    for name, tone in SIGNALS.items():
        yield [Sound(name=f"tones/{name}", sources=(plan,), tone=tone)]
    for country, tones in TONES.items():
        for name, tone in tones.items():
            yield [Sound(name=f"tones/{country}/{name}", sources=(plan,), tone=tone, loop=True)]
    for folder in languages if languages is not None else _languages(roots):
        yield from _merged([_prompts(root / folder, folder) for root in roots])
    for root in roots:
        for place in sorted((root / TENANTS).glob("*/*/")):
            if languages is None or place.name in languages:
                yield from _merged([_prompts(place, f"@{place.parent.name}/{place.name}")])
    # Last, because a piece may take as long as all prompts together.
    yield from _merged([_music(root / MUSIC) for root in roots])


def sound_file(folder: Path, name: str) -> Path | None:
    """The file of a sound, whatever its kind."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


def _languages(roots: Sequence[Path]) -> list[str]:
    found = {path.name for root in roots if root.is_dir() for path in root.iterdir() if path.is_dir()}
    return sorted(found - {MUSIC, TENANTS})


def _prompts(folder: Path, prefix: str) -> dict[str, Sound]:
    return {
        name: Sound(name=f"{prefix}/{name}", sources=(path,))
        for name, path in ((path.stem, path) for path in _files(folder))
    }


def _music(folder: Path) -> dict[str, Sound]:
    """A piece is a class by itself; a folder is a class of all its pieces, one after the other."""
    found: dict[str, tuple[Path, ...]] = {path.stem: (path,) for path in _files(folder)}
    for place in sorted(folder.glob("*/")):
        pieces = _files(place)
        if (place / RANDOM).exists():
            # The same order at every start: what was made ready stays ready.
            pieces.sort(key=lambda path: sha256(path.name.encode()).digest())
        if pieces:
            found[place.name] = tuple(pieces)
    return {name: Sound(name=f"{MUSIC}/{name}", sources=sources, loop=True) for name, sources in found.items()}


def _files(folder: Path) -> list[Path]:
    """Sound files by name; of two kinds of one name only the preferred."""
    if not folder.is_dir():
        return []
    names = sorted({path.stem for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()})
    return [path for name in names if (path := sound_file(folder, name)) is not None]


def _merged(found: Sequence[dict[str, Sound]]) -> Iterator[list[Sound]]:
    for name in sorted({name for sounds in found for name in sounds}):
        yield [sounds[name] for sounds in found if name in sounds]


def _codec(name: str) -> Codec:
    codec = CODECS.get(name.lower())
    if codec is None:
        raise PayloadError(f"codec {name!r} cannot be encoded (allowed: {', '.join(CODECS)})")
    return codec


def _prepare_one(
    choices: Sequence[Sound],
    out: Path,
    codecs: Sequence[Codec],
    index: PayloadIndex,
    catalogue: Catalogue,
    over: Callable[[], bool],
) -> None:
    for sound in choices:
        try:
            files = _files_of(sound, out, codecs, index, over)
        except (AudioFileError, FileNotFoundError) as error:
            catalogue.faults.append(str(error))
            continue
        catalogue.files.update(files)
        if len(files) == len(codecs):
            return
        catalogue.left += 1


def _files_of(
    sound: Sound, out: Path, codecs: Sequence[Codec], index: PayloadIndex, over: Callable[[], bool]
) -> dict[str, ReadyFile]:
    """The sound in each codec; only in those that were ready when the time is over."""
    files = {}
    origin = origin_of(sound.sources)
    load = _loader(sound)
    for codec in codecs:
        name = f"{codec.name.lower()}/{sound.name}"
        path = out / f"{name}.raw"
        duration_ms = index.duration_ms(name, path, origin)
        if duration_ms is not None:
            files[name] = ready_file(path, duration_ms, codec)
        elif not over():
            files[name] = write_payload(path, load(encoding_rate_hz(codec)), codec, loop=sound.loop)
            index.note(name, origin, files[name].duration_ms)
    return files


def _loader(sound: Sound) -> Callable[[int], Samples]:
    """Gives the samples at a rate; files are read once for all rates."""
    if sound.tone is not None:
        return partial(render, sound.tone)
    read: list[Float] = []

    def load(rate_hz: int) -> Samples:
        if not read:
            read.append(np.concatenate([master(path) for path in sound.sources]))
        return to_int16(resample(read[0], WIDEBAND_HZ, rate_hz))

    return load


def master(path: Path) -> Float:
    """A sound file as everything is made from it: mono, 16 kHz, -23 LUFS. Raises AudioFileError, OSError."""
    return levelled(read_audio(path, WIDEBAND_HZ), WIDEBAND_HZ)

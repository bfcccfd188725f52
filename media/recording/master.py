"""Master: the audio file of a recording, customer left and tenant right, made from the taps of its legs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile  # type: ignore[import-untyped]

from media.recording.description import Description, Side
from media.recording.tap_reader import LONGEST_S, TapReader
from media.recording.track import Piece, Track
from media.tap import IN, OUT

CHUNK_S: Final = 10
"""So much of the recording is in memory at a time."""
WIDE: Final = frozenset({"opus", "g722", "l16"})
FORMATS: Final[dict[str, tuple[str, str, str]]] = {
    "wav": (".wav", "WAV", "PCM_16"),
    "flac": (".flac", "FLAC", "PCM_16"),
    "opus": (".opus", "OGG", "OPUS"),
}
"""Name -> suffix, container and coding of libsndfile."""


class NothingRecorded(Exception):
    """The taps hold no sound; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLeg:
    """A leg in the recording; `begin_ms` is when its tap began, from the recording's beginning."""

    leg: str
    kind: str
    side: Side
    begin_ms: int
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """What was made. `faults` say what is missing; without any the recording is whole."""

    began_wall_ns: int
    duration_ms: int
    rate_hz: int
    size_bytes: int
    sha256: str
    legs: tuple[RecordedLeg, ...]
    faults: tuple[str, ...]


def make_master(taps: Sequence[Path], out: Path, format: str) -> Master:
    """Write the recording of `taps` to `out`, atomically. Raises NothingRecorded, OSError."""
    found: list[tuple[TapReader, Description, int]] = []
    faults = []
    for path in sorted(taps):
        reader = TapReader(path)
        notes = reader.begin()
        if notes.description is None or notes.begin_ns is None:
            faults.append(f"{path.name} has no beginning that can be read")
        else:
            found.append((reader, notes.description, notes.begin_ns))
    if not found:
        raise NothingRecorded("; ".join(faults) or "there are no taps")
    origin_ns = min(begin_ns for _, _, begin_ns in found)
    rate_hz = _rate_hz([description for _, description, _ in found])
    tracks = []
    for reader, description, _ in found:
        own = 0 if description.side == "left" else 1
        tracks.append((own, Track(reader, IN, rate_hz, origin_ns).pieces()))
        tracks.append((1 - own, Track(reader, OUT, rate_hz, origin_ns).pieces()))
    draft = out.with_name(f".{out.name}.part")
    _, container, coding = FORMATS[format]
    try:
        with draft.open("wb") as file:
            with soundfile.SoundFile(file, "w", rate_hz, 2, coding, format=container) as sound:
                frames = 0
                for chunk in _chunks(tracks, rate_hz):
                    sound.write(chunk)
                    frames += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        with draft.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = draft.stat().st_size
        if not frames:
            raise NothingRecorded("; ".join([*faults, *_faults([one for one, _, _ in found])]) or "nobody sent sound")
        draft.replace(out)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{out}: cannot be written: {error.error_string}") from error
    finally:
        draft.unlink(missing_ok=True)
    faults += _faults([reader for reader, _, _ in found])
    first = min(found, key=lambda one: one[2])[1]
    return Master(
        began_wall_ns=first.wall_ns(origin_ns),
        duration_ms=frames * 1000 // rate_hz,
        rate_hz=rate_hz,
        size_bytes=size,
        sha256=digest,
        legs=tuple(
            RecordedLeg(
                leg=description.leg,
                kind=description.kind,
                side=description.side,
                begin_ms=(begin_ns - origin_ns) // 1_000_000,
                packets=reader.notes.packets,
            )
            for reader, description, begin_ns in found
        ),
        faults=tuple(faults),
    )


def _rate_hz(descriptions: Sequence[Description]) -> int:
    """16 kHz where a leg began with a codec that carries so much."""
    names = [next((one.name for (way, _), one in each.codings.items() if way == IN), "") for each in descriptions]
    return 16000 if WIDE.intersection(names) else 8000


def _faults(readers: Sequence[TapReader]) -> list[str]:
    faults = []
    for reader in readers:
        notes, name = reader.notes, reader.path.stem
        if notes.lost:
            faults.append(f"{name}: no room for {notes.lost} packets")
        if notes.reopened:
            faults.append(f"{name}: a media worker was replaced in the middle")
        if notes.torn:
            faults.append(f"{name}: the end is damaged")
        for codec, count in notes.unheard.items():
            faults.append(f"{name}: {count} packets of {codec} cannot be decoded here")
    return faults


def _chunks(tracks: Sequence[tuple[int, Iterator[Piece]]], rate_hz: int) -> Iterator[Any]:
    """int16[frames, 2], one after the other, of all tracks together."""
    size, most = CHUNK_S * rate_hz, LONGEST_S * rate_hz
    waiting: list[tuple[int, Iterator[Piece], Piece | None]] = [(side, each, next(each, None)) for side, each in tracks]
    waiting = [one for one in waiting if one[2] is not None]
    begin = 0
    while waiting and begin < most:
        sound = np.zeros((size, 2), dtype=np.int32)
        filled, rest = 0, []
        for side, pieces, piece in waiting:
            while piece is not None and piece[0] < begin + size:
                place, samples = piece
                if place < begin:
                    samples, place = samples[begin - place :], begin
                fits = samples[: begin + size - place]
                sound[place - begin : place - begin + len(fits), side] += fits
                filled = max(filled, place - begin + len(fits))
                piece = (begin + size, samples[len(fits) :]) if len(fits) < len(samples) else next(pieces, None)
            if piece is not None:
                rest.append((side, pieces, piece))
        waiting = list(rest)
        np.clip(sound, -32768, 32767, out=sound)
        yield sound[: size if waiting else filled].astype(np.int16)
        begin += size

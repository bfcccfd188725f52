"""Payload files: tones and prompts encoded once into raw codec frames that ports play as they are."""

import os
import wave
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import media.tones
from media.codecs import CODECS, Codec
from media.ready_file import ReadyFile
from media.tones import TONES, render

PTIME_MS = 20

Samples = NDArray[np.int16]


class PayloadError(ValueError):
    """A sound that cannot be prepared; the message names the file and what it must be."""


def encode_frames(samples: Samples, codec: Codec, ptime_ms: int = PTIME_MS) -> bytes:
    """Encode samples, padded by silence to whole frames of `ptime_ms`; for codecs with frames of fixed size."""
    per_frame = codec.rate_hz * ptime_ms // 1000
    padded = np.concatenate([samples, np.zeros(-len(samples) % per_frame, dtype=np.int16)])
    return codec.encoder(codec.rate_hz).encode(padded)


def write_payload(path: Path, samples: Samples, codec: Codec, ptime_ms: int = PTIME_MS) -> ReadyFile:
    """Write a payload file atomically: who plays the old one goes on with the old one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(encode_frames(samples, codec, ptime_ms))
    draft.replace(path)
    return _ready(path, codec, ptime_ms)


def read_payload(path: Path, codec: Codec) -> Samples:
    """Decode a payload file. Raises BadPayload for an empty one, OSError."""
    return codec.decoder(codec.rate_hz).decode(path.read_bytes())


def read_wav(path: Path, rate_hz: int) -> Samples:
    """Read a mono 16-bit WAV file of `rate_hz`. Raises PayloadError, OSError."""
    try:
        with wave.open(str(path), "rb") as source:
            shape = (source.getnchannels(), source.getsampwidth(), source.getframerate())
            data = source.readframes(source.getnframes())
    except (wave.Error, EOFError) as error:
        raise PayloadError(f"{path}: no WAV file ({error})") from error
    if shape != (1, 2, rate_hz):
        channels, octets, rate = shape
        raise PayloadError(
            f"{path}: {channels} channel(s), {8 * octets} bit, {rate} Hz; make it mono, 16 bit, {rate_hz} Hz"
        )
    return np.frombuffer(data[: len(data) & ~1], dtype="<i2").astype(np.int16)


def prepare_payloads(
    sounds_dir: Path | str, out_dir: Path | str, languages: Sequence[str], codecs: Sequence[str]
) -> dict[str, ReadyFile]:
    """Render all tones, and the prompts of `languages`, into `out_dir/<codec>/<name>.raw`.

    Gives name -> ReadyFile with names like `pcmu/tones/us/ringback` and `pcma/en/not-in-service`. Files newer
    than their source are kept. Raises PayloadError (unknown codec or language, bad WAV file) and OSError.
    """
    catalogue: dict[str, ReadyFile] = {}
    for codec_name in codecs:
        codec = CODECS.get(codec_name.lower())
        if codec is None or codec.octets_per_ms is None:
            allowed = ", ".join(name for name, one in CODECS.items() if one.octets_per_ms is not None)
            raise PayloadError(f"codec {codec_name!r} has no frames of fixed size (allowed: {allowed})")
        root = Path(out_dir) / codec_name.lower()
        for name, source, load in _sources(Path(sounds_dir), languages, codec.rate_hz):
            path = root / f"{name}.raw"
            if _up_to_date(path, source):
                ready = _ready(path, codec, PTIME_MS)
            else:
                ready = write_payload(path, load(), codec)
            catalogue[f"{codec_name.lower()}/{name}"] = ready
    return catalogue


def _sources(
    sounds_dir: Path, languages: Sequence[str], rate_hz: int
) -> Iterable[tuple[str, Path, Callable[[], Samples]]]:
    plan = Path(media.tones.__file__)
    for country, tones in TONES.items():
        for tone_name, tone in tones.items():
            yield f"tones/{country}/{tone_name}", plan, partial(render, tone, rate_hz)
    for language in languages:
        folder = sounds_dir / language
        if not folder.is_dir():
            raise PayloadError(f"language {language!r}: no folder {folder}")
        for source in sorted(folder.glob("*.wav")):
            yield f"{language}/{source.stem}", source, partial(read_wav, source, rate_hz)


def _up_to_date(path: Path, source: Path) -> bool:
    try:
        ready = path.stat()
    except FileNotFoundError:
        return False
    return ready.st_size > 0 and ready.st_mtime_ns >= source.stat().st_mtime_ns


def _ready(path: Path, codec: Codec, ptime_ms: int) -> ReadyFile:
    frame_bytes = codec.fixed_frame_bytes(ptime_ms)
    if frame_bytes is None:
        raise PayloadError(f"{path}: {codec.name} has no frames of fixed size; use another codec")
    return ReadyFile(
        path=str(path),
        duration_ms=path.stat().st_size // frame_bytes * ptime_ms,
        frame_bytes=frame_bytes,
        samples_per_frame=codec.samples_per_frame(ptime_ms),
        ptime_ms=ptime_ms,
    )

"""Audio files: WAV, FLAC, Ogg, MP3, bare G.711 and GSM as mono samples at any rate; only `records` reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

MAX_BYTES: Final = 20 << 20
MAX_DURATION_S: Final = 30 * 60
MAX_CHANNELS: Final = 32
_RATES_HZ: Final = range(1000, 384_001)
_BLOCK: Final = 65536

# Files without a header: the suffix says what is in them, always mono at 8 kHz.
_BARE: Final[dict[str, str]] = {
    ".ulaw": "ULAW",
    ".mulaw": "ULAW",
    ".ul": "ULAW",
    ".pcmu": "ULAW",
    ".alaw": "ALAW",
    ".al": "ALAW",
    ".pcma": "ALAW",
    ".gsm": "GSM610",
}
SUFFIXES: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", *_BARE)
"""What a sound file may be called, in the order in which two of one name are preferred."""

Samples = NDArray[np.int16]
Float = NDArray[np.float32]


class AudioFileError(ValueError):
    """A file that cannot be read as sound; the message names it and says what is wrong."""


def read_audio(path: Path, rate_hz: int) -> Float:
    """Read a file as mono float32 within +-1 at `rate_hz`; several channels are averaged.

    Raises AudioFileError for what is no sound, damaged, over 20 MB, 30 minutes or 32 channels; OSError.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise AudioFileError(f"{path}: {size / (1 << 20):.1f} MB; a sound file may have {MAX_BYTES >> 20} MB")
    if size == 0:
        raise AudioFileError(f"{path}: the file is empty")
    try:
        with soundfile.SoundFile(path, **_how(path)) as source:
            _check(path, source)
            parts = list(_resampled(path, source, rate_hz))
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{path}: cannot be read as sound: {error.error_string.strip()}{_hint(path)}") from error
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def _how(path: Path) -> dict[str, Any]:
    subtype = _BARE.get(path.suffix.lower())
    return {} if subtype is None else {"format": "RAW", "subtype": subtype, "samplerate": 8000, "channels": 1}


def _hint(path: Path) -> str:
    if path.suffix.lower() in (".m4a", ".aac", ".mp4", ".wma", ".amr"):
        return "; make it WAV, FLAC, Ogg or MP3"
    return ""


def _check(path: Path, source: soundfile.SoundFile) -> None:
    if source.channels > MAX_CHANNELS:
        raise AudioFileError(f"{path}: {source.channels} channels; a sound file may have {MAX_CHANNELS}")
    if source.samplerate not in _RATES_HZ:
        raise AudioFileError(f"{path}: {source.samplerate} Hz; give {_RATES_HZ[0]} to {_RATES_HZ[-1]} Hz")


def _resampled(path: Path, source: soundfile.SoundFile, rate_hz: int) -> Iterator[Float]:
    """Mono blocks at `rate_hz`, so that a long file is never whole in memory at its own rate."""
    stream = soxr.ResampleStream(source.samplerate, rate_hz, 1, dtype="float32", quality="VHQ")
    same = source.samplerate == rate_hz
    read = 0
    # Headers may say anything, those of MP3 are guesses: what is read is what counts.
    while len(block := source.read(_BLOCK, dtype="float32", always_2d=True)):
        read += len(block)
        if read > MAX_DURATION_S * source.samplerate:
            raise AudioFileError(f"{path}: longer than {MAX_DURATION_S // 60} minutes")
        if not np.isfinite(block).all():
            raise AudioFileError(f"{path}: damaged: it holds samples that are no numbers")
        mono = np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))
        yield mono if same else stream.resample_chunk(mono)
    if read == 0:
        raise AudioFileError(f"{path}: damaged or empty: there is no sound in it")
    if source.format == "FLAC" and read < source.frames:
        found_s, wanted_s = read / source.samplerate, source.frames / source.samplerate
        raise AudioFileError(f"{path}: damaged: it ends after {found_s:.1f} s of {wanted_s:.1f} s")
    if not same:
        yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def resample(samples: Float, from_hz: int, to_hz: int) -> Float:
    """A whole sound at another rate, without delay."""
    if from_hz == to_hz or not len(samples):
        return samples
    changed: Float = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return changed


def to_int16(samples: Float) -> Samples:
    """Float within +-1 as 16 bit samples; what is beyond is clipped."""
    return np.clip(np.round(samples * 32767.0), -32768, 32767).astype(np.int16)


def write_wav(path: Path, samples: Float, rate_hz: int) -> None:
    """Write mono 16 bit PCM atomically. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as out:
            soundfile.write(out, to_int16(samples), rate_hz, format="WAV", subtype="PCM_16")
        draft.replace(path)
    except soundfile.LibsndfileError as error:
        draft.unlink(missing_ok=True)
        raise OSError(f"{path}: cannot be written: {error.error_string}") from error

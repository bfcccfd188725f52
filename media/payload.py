"""Payload files: sounds encoded once into raw codec frames that ports play as they are.

Codecs whose frames have one size make bare files. Others make framed ones: each frame behind its length in octets
(16 bits, low octet first), length 0 being a frame time in which nothing is sent.
"""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Codec
from media.payload_map import frame_starts
from media.ready_file import ReadyFile

PTIME_MS: Final = 20
WIDEBAND_HZ: Final = 16000
_PRIMED_FRAMES: Final = 5
_LENGTH: Final = struct.Struct("<H")

Samples = NDArray[np.int16]


class PayloadError(ValueError):
    """A sound that cannot be prepared; the message names it and says what is allowed."""


def encoding_rate_hz(codec: Codec) -> int:
    """The rate at which sounds are encoded: the highest up to 16 kHz, which is all that prompts and music have."""
    return max([rate_hz for rate_hz in codec.rates_hz if rate_hz <= WIDEBAND_HZ], default=min(codec.rates_hz))


def encode_frames(samples: Samples, codec: Codec, *, loop: bool = False, ptime_ms: int = PTIME_MS) -> list[bytes]:
    """Encode samples at `encoding_rate_hz`, padded by silence to whole frames of `ptime_ms`.

    `loop`: the end runs into the beginning, so the encoder comes to the first frame as it would from the last.
    """
    rate_hz = encoding_rate_hz(codec)
    size = rate_hz * ptime_ms // 1000
    padded = np.concatenate([samples, np.zeros(-len(samples) % size, dtype=np.int16)]).reshape(-1, size)
    if codec.codes is not None:
        return [bytes(row) for row in codec.encode_rows(padded)]
    encoder = codec.encoder(rate_hz, None)
    if loop:
        for row in padded[-_PRIMED_FRAMES:]:
            encoder.encode(row)
    return [encoder.encode(row) for row in padded]


def write_payload(
    path: Path, samples: Samples, codec: Codec, *, loop: bool = False, ptime_ms: int = PTIME_MS
) -> ReadyFile:
    """Write a payload file atomically: who plays the old one goes on with the old one. Raises OSError."""
    frames = encode_frames(samples, codec, loop=loop, ptime_ms=ptime_ms)
    duration_ms = len(frames) * ptime_ms
    if codec.fixed_frame_bytes(ptime_ms) is None:
        frames = [part for frame in frames for part in (_LENGTH.pack(len(frame)), frame)]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(b"".join(frames))
    draft.replace(path)
    return ready_file(path, duration_ms, codec, ptime_ms)


def ready_file(path: Path, duration_ms: int, codec: Codec, ptime_ms: int = PTIME_MS) -> ReadyFile:
    """How a payload file of a codec is played."""
    return ReadyFile(
        path=str(path),
        duration_ms=duration_ms,
        frame_bytes=codec.fixed_frame_bytes(ptime_ms) or 0,
        samples_per_frame=codec.samples_per_frame(ptime_ms),
        ptime_ms=ptime_ms,
    )


def read_frames(path: Path, codec: Codec, ptime_ms: int = PTIME_MS) -> list[bytes]:
    """The frames of a payload file. Raises PayloadError for a file that ends within one, OSError."""
    data = path.read_bytes()
    size = codec.fixed_frame_bytes(ptime_ms)
    try:
        if size is None:
            starts = frame_starts(memoryview(data))
            return [data[start + _LENGTH.size : end] for start, end in pairwise([*starts, len(data)])]
        if len(data) % size:
            raise ValueError(f"{len(data)} octets are no whole frames of {size}")
    except ValueError as error:
        raise PayloadError(f"{path}: {error}; delete it, it is made again at the next start") from error
    return [data[at : at + size] for at in range(0, len(data), size)]


def read_payload(path: Path, codec: Codec) -> Samples:
    """Decode a payload file at `encoding_rate_hz`. Raises PayloadError, OSError."""
    rate_hz = encoding_rate_hz(codec)
    decoder = codec.decoder(rate_hz)
    pause = np.zeros(rate_hz * PTIME_MS // 1000, dtype=np.int16)
    parts = [decoder.decode(frame) if frame else pause for frame in read_frames(path, codec)]
    return np.concatenate(parts) if parts else pause[:0]

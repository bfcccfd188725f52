"""Speech through one or two codings, by ours and by FFmpeg's coders, and what PESQ says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr  # type: ignore[import-untyped]
from pesq import pesq  # type: ignore[import-untyped]

from media.codecs import CODECS, Samples
from media.resample import Resampler
from tests.media.ffmpeg_coder import ffmpeg_decode, ffmpeg_encode
from tests.media.speech import frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """One codec at one sample rate, and FFmpeg's coder that does the same; `decoded_hz` is what that one gives."""

    codec: str
    rate_hz: int
    ffmpeg: str
    decoded_hz: int
    options: tuple[tuple[str, str], ...] = ()


def _opus(rate_hz: int, bitrate: int) -> Coding:
    options = (("b", str(bitrate)), ("application", "voip"), ("compression_level", "5"), ("frame_duration", "20"))
    return Coding(codec="opus", rate_hz=rate_hz, ffmpeg="libopus", decoded_hz=48000, options=options)


CODINGS: Final[dict[str, Coding]] = {
    "PCMU": Coding(codec="pcmu", rate_hz=8000, ffmpeg="pcm_mulaw", decoded_hz=8000),
    "PCMA": Coding(codec="pcma", rate_hz=8000, ffmpeg="pcm_alaw", decoded_hz=8000),
    "G722": Coding(codec="g722", rate_hz=16000, ffmpeg="g722", decoded_hz=16000),
    "Opus 8": _opus(8000, 16000),
    "Opus 16": _opus(16000, 24000),
    "Opus 48": _opus(48000, 40000),
}


def by_ours(names: Sequence[str], spoken: Samples) -> Samples:
    """8 kHz speech through codings one after the other, as a call takes it; at 8 kHz again."""
    heard, rate_hz = spoken, 8000
    for at, name in enumerate(names):
        coding = CODINGS[name]
        # The first step is the caller's phone, which hears at its codec's rate; the others are the server's.
        heard = _converted(heard, rate_hz, coding.rate_hz) if at == 0 else _resampled(heard, rate_hz, coding.rate_hz)
        rate_hz = coding.rate_hz
        encoder, decoder = CODECS[coding.codec].encoder(rate_hz), CODECS[coding.codec].decoder(rate_hz)
        heard = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames(heard, rate_hz)])
    return _converted(heard, rate_hz, 8000)


def by_ffmpeg(names: Sequence[str], spoken: Samples) -> Samples:
    """The same by FFmpeg's coders, with soxr between them."""
    heard, rate_hz = spoken, 8000
    for name in names:
        coding = CODINGS[name]
        heard = _converted(heard, rate_hz, coding.rate_hz)
        packets = ffmpeg_encode(coding.ffmpeg, heard, coding.rate_hz, dict(coding.options))
        heard, rate_hz = ffmpeg_decode(coding.ffmpeg, packets, coding.decoded_hz), coding.decoded_hz
    return _converted(heard, rate_hz, 8000)


def listening_score(spoken: Samples, heard: Samples) -> float:
    """MOS-LQO of 8 kHz speech (ITU-T P.862, P.862.1): 4.55 at best."""
    return float(pesq(8000, spoken, heard, "nb"))


def _converted(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    if from_hz == to_hz:
        return samples
    converted: Samples = soxr.resample(samples, from_hz, to_hz)
    return converted


def _resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    if from_hz == to_hz:
        return samples
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.process(frame[None])[0] for frame in frames(samples, from_hz)])

"""Audio: what PESQ says of speech through every codec and every pair of them, beside FFmpeg; and what a frame costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.figure import Figure
from bench.plan import Plan
from media.codecs import CODECS, Samples
from media.concealment import Concealer
from media.resample import Resampler

if TYPE_CHECKING:
    from tests.media.audio_chain import Coding

BEST = 4.55
"""The highest score of PESQ for narrowband speech (ITU-T P.862.1)."""
ALLOWED = 0.1
"""By how much a score may be below that of the same coding by FFmpeg."""
RESAMPLED_HZ = ((8000, 16000), (16000, 8000), (8000, 48000), (48000, 8000), (16000, 48000), (48000, 16000))


def measure_audio(plan: Plan) -> list[Figure]:
    """Figures of quality (how much is missing of the best score) and of cost (CPU of one frame of 20 ms)."""
    # Needs what the tests need: av, pesq and recorded speech.
    from tests.media.audio_chain import CODINGS, by_ffmpeg, by_ours, listening_score
    from tests.media.speech import speech

    spoken = np.concatenate([speech("auth-incorrect"), speech("privacy-prompt")])
    ways = [(name,) for name in CODINGS] + [(first, second) for first in CODINGS for second in CODINGS]
    figures = []
    for way in ways if not plan.quick else ways[: len(CODINGS)]:
        ours = listening_score(spoken, by_ours(way, spoken))
        theirs = listening_score(spoken, by_ffmpeg(way, spoken))
        figures.append(_quality(" to ".join(way), ours, theirs))
    for name, coding in CODINGS.items():
        figures += _coding_costs(name, coding, spoken)
    return [*figures, *_other_costs(spoken)]


def _quality(way: str, ours: float, theirs: float) -> Figure:
    return Figure(
        work=f"speech through {way}: missing of {BEST}",
        unit="MOS",
        ours=(max(0.0, BEST - ours),),
        peer=(max(0.0, BEST - theirs),),
        peer_name="FFmpeg, same coding",
        must=BEST - theirs + ALLOWED,
        note=f"PESQ {ours:.2f}, FFmpeg {theirs:.2f}",
    )


def _coding_costs(name: str, coding: Coding, spoken: Samples) -> list[Figure]:
    codec, rate_hz = CODECS[coding.codec], coding.rate_hz
    resampled = Resampler(8000, rate_hz).process(spoken[None])[0] if rate_hz != 8000 else spoken
    frames = resampled.reshape(-1, rate_hz // 50)
    encoder, decoder = codec.encoder(rate_hz), codec.decoder(rate_hz)
    packets = [encoder.encode(frame) for frame in frames]
    return [
        _cost(f"encode {name}", lambda: [encoder.encode(frame) for frame in frames], len(frames)),
        _cost(f"decode {name}", lambda: [decoder.decode(packet) for packet in packets], len(packets)),
    ]


def _other_costs(spoken: Samples) -> list[Figure]:
    figures = [_resampling(from_hz, to_hz, rows, spoken) for from_hz, to_hz in RESAMPLED_HZ for rows in (1, 10, 100)]
    frames = spoken.reshape(-1, 160)
    return [
        *figures,
        _cost("heed a frame that came", lambda: _listen(frames, 0), len(frames)),
        _cost("conceal a lost frame and blend the next", lambda: _listen(frames, 1), len(frames) // 2),
    ]


def _resampling(from_hz: int, to_hz: int, rows: int, spoken: Samples) -> Figure:
    resampler = Resampler(from_hz, to_hz, rows)
    frame = np.resize(spoken, (rows, from_hz // 50))
    work = f"resample {from_hz // 1000} to {to_hz // 1000} kHz, one of {rows}"
    return _cost(work, lambda: resampler.process(frame), rows, 200)


def _listen(frames: Samples, lost: int) -> None:
    concealer = Concealer(8000)
    for at, frame in enumerate(frames):
        if lost and at % 2:
            concealer.conceal(160)
        else:
            concealer.good(frame)


def _cost(work: str, run: Callable[[], object], frames: int, times: int = 10) -> Figure:
    """CPU of a frame, the best of five runs."""
    run()
    spent = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            run()
        spent.append((time.process_time() - begun) / times / frames)
    return Figure(work=work, unit="µs", ours=(1e6 * min(spent),))

"""Coders of FFmpeg (through PyAV), to hold ours against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import av
import numpy as np

from media.codecs import Samples


def ffmpeg_encode(codec: str, samples: Samples, rate_hz: int, options: dict[str, str] | None = None) -> list[bytes]:
    """Packets of 20 ms."""
    context = _context(codec, "w")
    context.sample_rate, context.layout, context.format = rate_hz, "mono", "s16"
    context.options = options or {}
    context.open()
    packets: list[bytes] = []
    size = rate_hz // 50
    for at in range(0, len(samples) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + size], "s16", "mono")
        frame.sample_rate, frame.pts = rate_hz, at
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets + [bytes(packet) for packet in context.encode(None)]


def ffmpeg_decode(codec: str, packets: Iterable[bytes], rate_hz: int) -> Samples:
    """Samples of a mono stream."""
    context = _context(codec, "r")
    context.sample_rate, context.layout = rate_hz, "mono"
    heard = [frame.to_ndarray().reshape(-1) for packet in packets for frame in context.decode(av.Packet(packet))]
    scale = 1 if heard[0].dtype == np.int16 else 32768
    joined = np.concatenate(heard).astype(np.float64) * scale
    return np.clip(np.round(joined), -32768, 32767).astype(np.int16)


def _context(codec: str, mode: Literal["r", "w"]) -> av.AudioCodecContext:
    context = av.CodecContext.create(codec, mode)
    assert isinstance(context, av.AudioCodecContext)
    return context

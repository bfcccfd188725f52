"""Understood: what a payload type means to the mix path."""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs import Codec, Decoder


@dataclass(frozen=True, slots=True)
class Understood:
    """What one payload type means: a codec and its decoder, comfort noise (codec None), or nothing audible."""

    codec: Codec | None = None
    decoder: Decoder | None = None
    units_per_ms: int = 8
    noise: bool = False

"""Tone found: what detectors other than that of keys tell."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from media.codecs import Samples


class ToneFound(NamedTuple):
    """Something heard in the stream `key`: `cng`, `ced`, `beep`, `voice`, `silence`; `after_ms`: how long it lasted."""

    key: int
    tone: str
    after_ms: int


class ToneListener(Protocol):
    """Streams of 8 kHz, a row each, in frames of 20 ms."""

    def arrange(self, keys: list[int]) -> None:
        """From now on these streams, in this order; those that were there before go on."""

    def process(self, frames: Samples) -> list[ToneFound]:
        """Take int16[rows, 160], in the order of `arrange`; give what was recognised."""

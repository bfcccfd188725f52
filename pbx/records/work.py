"""Heavy work of the records process: making sound files ready."""

from __future__ import annotations

from typing import Any

from media.payload import prepare_payloads


def prepare_sounds(sounds: str, out: str, languages: list[str], codecs: list[str]) -> dict[str, Any]:
    """Render tones and prompts into payload files; sound name -> where it lies and how it is played.

    Raises media.payload.PayloadError for a sound that cannot be read, OSError for a full disk.
    """
    return dict(prepare_payloads(sounds, out, languages, codecs))

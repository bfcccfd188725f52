"""Heavy work of the records process: compiling configuration, making sound files ready."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

from media.payload import prepare_payloads
from pbx.schema.compile import compile_object
from pbx.schema.loading import load_documents


def compile_documents(paths: list[str]) -> list[Any]:
    """`[compiled rows, []]`, or `[None, errors]` when anything in the documents is wrong."""
    parsed, errors = load_documents([Path(path) for path in paths])
    if parsed is None:
        return [None, [astuple(error) for error in errors]]
    return [[compile_object(parsed.objects, key) for key in parsed.objects], []]


def prepare_sounds(sounds: str, out: str, languages: list[str], codecs: list[str]) -> dict[str, Any]:
    """Render tones and prompts into payload files; sound name -> where it lies and how it is played.

    Raises media.payload.PayloadError for a sound that cannot be read, OSError for a full disk.
    """
    return dict(prepare_payloads(sounds, out, languages, codecs))

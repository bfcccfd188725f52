"""Rendering: prompts spoken from their texts into a folder, each anew only when something of it has changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from media.audio_file import AudioFileError, Float, read_audio, write_wav
from media.loudness import levelled
from media.payload import WIDEBAND_HZ
from pbx.speech.engine import SpeechEngine, checked
from pbx.speech.manifest import Manifest
from pbx.speech.request import SpeechError, SpeechRequest
from pbx.speech.voice import Voice

RENDERED: Final = "rendered.json"
RENDERER: Final = 1
"""Goes up whenever the same text would give another sound: everything is then spoken anew."""
LIMIT_S: Final = 20.0
_DRAFT: Final = ".speech-"
_STALE_S: Final = 3600.0
_GIVE_UP: Final = 5
"""After so many failures in a row, and nothing spoken, it is the engine and not the text."""
_LEAD_S: Final = 0.02
_TAIL_S: Final = 0.12
_WORD_TAIL_S: Final = 0.03
_QUIET: Final = 10.0 ** (-45.0 / 20.0)
_FADE_S: Final = 0.005


@dataclass(slots=True)
class Report:
    """What a run did: names spoken, left as they were, taken away, and a line for each that failed."""

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


async def render_manifest(
    manifest: Manifest, engine_name: str, engine: SpeechEngine, voice: Voice, out: Path
) -> Report:
    """Speak the prompts of a manifest into `out`, `<name>.wav` each. Raises OSError, SpeechError."""
    report = Report()
    known = _begin(out)
    wanted = {name: _key(engine_name, voice, manifest.language, text) for name, text in manifest.texts.items()}
    for name in known.keys() - wanted.keys():
        (out / f"{name}.wav").unlink(missing_ok=True)
        report.removed.append(name)
    known = {name: key for name, key in known.items() if name in wanted}
    try:
        for name, text in manifest.texts.items():
            if known.get(name) == wanted[name] and (out / f"{name}.wav").exists():
                report.kept.append(name)
                continue
            request = SpeechRequest(
                text=text, language=manifest.language, voice=voice.name, words_per_minute=voice.words_per_minute
            )
            try:
                tail_s = _WORD_TAIL_S if name in manifest.grammar else _TAIL_S
                sound = await spoken(engine, request, LIMIT_S, out, tail_s)
            except SpeechError as error:
                report.faults.append(f"{manifest.language}/{name}: {error}")
                if len(report.faults) >= _GIVE_UP and not report.made:
                    raise SpeechError(f"{manifest.language}: given up after {_GIVE_UP} prompts: {error}") from error
                continue
            write_wav(out / f"{name}.wav", sound, WIDEBAND_HZ)
            known[name] = wanted[name]
            report.made.append(name)
    finally:
        if report.made or report.removed:
            _write_known(out, known)
    return report


async def spoken(
    engine: SpeechEngine, request: SpeechRequest, limit_s: float, folder: Path, tail_s: float = _TAIL_S
) -> Float:
    """The sound of a text at 16 kHz, without silence around it, at -23 LUFS; `folder` exists, for a draft.

    Raises SpeechError, OSError.
    """
    checked(request)
    with TemporaryDirectory(prefix=_DRAFT, dir=folder) as draft:
        out = Path(draft) / "speech.wav"
        await engine.speak(request, out, limit_s)
        return await asyncio.to_thread(_finished, out, tail_s)


def clear_drafts(folder: Path) -> None:
    """Take away what processes left that were killed while an engine spoke."""
    for draft in folder.glob(f"{_DRAFT}*"):
        if draft.stat().st_mtime < time.time() - _STALE_S:
            shutil.rmtree(draft, ignore_errors=True)


def _finished(out: Path, tail_s: float) -> Float:
    try:
        sound = read_audio(out, WIDEBAND_HZ)
    except (AudioFileError, OSError) as error:
        raise SpeechError(f"the speech engine made no sound of the text: {error}") from error
    return levelled(trimmed(sound, WIDEBAND_HZ, tail_s), WIDEBAND_HZ)


def trimmed(sound: Float, rate_hz: int, tail_s: float = _TAIL_S) -> Float:
    """Without the silence before and behind, but for a little of it, so that prompts follow one another evenly."""
    if not len(sound):
        return sound
    loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() * _QUIET)
    if not len(loud):
        return sound[:0]
    lead, tail = round(_LEAD_S * rate_hz), round(tail_s * rate_hz)
    part = sound[max(0, int(loud[0]) - lead) : int(loud[-1]) + tail].copy()
    ramp = np.linspace(0.0, 1.0, min(round(_FADE_S * rate_hz), len(part)), dtype=np.float32)
    part[: len(ramp)] *= ramp
    part[len(part) - len(ramp) :] *= ramp[::-1]
    return part


def _key(engine: str, voice: Voice, language: str, text: str) -> str:
    parts = [str(RENDERER), engine, voice.name, str(voice.words_per_minute), language, text]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _begin(out: Path) -> dict[str, str]:
    out.mkdir(parents=True, exist_ok=True)
    clear_drafts(out)
    return _read_known(out)


def _read_known(out: Path) -> dict[str, str]:
    try:
        content = json.loads((out / RENDERED).read_text(encoding="utf-8"))
        return {str(name): str(key) for name, key in content.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write_known(out: Path, known: Mapping[str, str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    draft = out / f".{RENDERED}.{os.getpid()}"
    draft.write_text(json.dumps(known), encoding="utf-8")
    draft.replace(out / RENDERED)

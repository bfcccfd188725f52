"""Build: `python -m pbx.speech.build`, behind `cordboard prompts build` and the records process.

Speaks the manifests of languages into wave files, and, where payload is asked for, makes the sounds ready in codecs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from media.payload import PayloadError
from media.sound_library import prepare
from pbx.settings import SettingsError, load_settings
from pbx.speech.engine import speech_engine
from pbx.speech.manifest import ManifestError, manifests, read_manifest
from pbx.speech.rendering import Report, render_manifest
from pbx.speech.request import NONE, SpeechError
from pbx.speech.voice import Voice, voice_of

SOUNDS = Path(__file__).resolve().parents[2] / "sounds"
EXIT_FAILED = 1
EXIT_USAGE = 2


async def build_language(
    manifest: Path, engine_name: str, voices: Mapping[str, Voice], out: Path
) -> tuple[str, Report]:
    """Speak one manifest into `out/<language>`. Raises ManifestError, SpeechError, OSError."""
    read = read_manifest(manifest)
    voice = voices.get(read.language, read.voice)
    engine = speech_engine(engine_name)
    return read.language, await render_manifest(read, engine_name, engine, voice, out / read.language)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cordboard prompts build")
    parser.add_argument("--language", action="append", default=[], help="only this one; may be given again")
    parser.add_argument(
        "--out", type=Path, help="where <language>/<name>.wav go; default: prompts/ in the data directory"
    )
    parser.add_argument("--data", type=Path, help="the server's data directory")
    parser.add_argument("--config", type=Path, help="settings file (cordboard.toml)")
    parser.add_argument("--sounds", type=Path, default=SOUNDS, help=argparse.SUPPRESS)
    parser.add_argument("--engine", help="speech engine, in place of the one that is set")
    parser.add_argument(
        "--voice", action="append", default=[], metavar="LANGUAGE=VOICE", help="such as en=en-gb+m3 150"
    )
    # For the records process: what has been spoken is made ready as well, and the machine has better to do.
    parser.add_argument("--payloads", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--codec", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--everything", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--idle", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """The command line; the return value is the exit status."""
    options = parse(arguments)
    if options.idle:
        os.nice(19)
    try:
        settings = load_settings(options.config, os.environ)
        voices = {language: voice_of(text) for language, text in settings.speech.voices.items()}
        for one in options.voice:
            language, _, text = one.partition("=")
            voices[language] = voice_of(text)
    except (SettingsError, ValueError) as error:
        print(f"cordboard prompts build: {error}", file=sys.stderr)
        return EXIT_USAGE
    out = options.out or (options.data or settings.data.directory) / "prompts"
    known = manifests(options.sounds)
    unknown = [one for one in options.language if one not in known]
    if unknown:
        allowed = ", ".join(known)
        print(f"cordboard prompts build: language {unknown[0]!r} has no manifest (allowed: {allowed})", file=sys.stderr)
        return EXIT_USAGE
    try:
        chosen = {language: known[language] for language in options.language or known}
        failed = _speak(chosen, options.engine or settings.speech.engine, voices, out)
        if options.payloads is not None:
            languages = None if options.everything else list(chosen)
            made = prepare(options.root, options.payloads, languages, options.codec)
            failed |= bool(made.faults)
    except (PayloadError, OSError) as error:
        print(f"cordboard prompts build: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_FAILED if failed else 0


def _speak(chosen: Mapping[str, Path], engine: str, voices: Mapping[str, Voice], out: Path) -> bool:
    """Speak the languages, one after the other; whether something failed."""
    failed = False
    for language, manifest in chosen.items():
        if engine == NONE:
            continue
        began_s = time.monotonic()
        try:
            _, report = asyncio.run(build_language(manifest, engine, voices, out))
        except (SpeechError, ManifestError) as error:
            # The other languages, and what is recorded, are none the worse for it.
            print(error, file=sys.stderr)
            failed = True
            continue
        for fault in report.faults[:5]:
            print(fault, file=sys.stderr)
        if len(report.faults) > 5:
            print(f"{language}: {len(report.faults) - 5} more failed", file=sys.stderr)
        print(
            f"{language}: {len(report.made)} made, {len(report.kept)} kept, {len(report.removed)} removed, "
            f"{len(report.faults)} failed, {time.monotonic() - began_s:.1f} s, in {out / language}"
        )
        failed |= bool(report.faults)
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""Manifest: the texts of a language's prompts, and who speaks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from pbx.speech.request import MOST_CHARACTERS
from pbx.speech.voice import Voice, voice_of

MANIFEST: Final = "manifest.yaml"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


class ManifestError(ValueError):
    """A manifest that cannot be used; the message names the file, the place and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Texts by prompt name, in the order of the file; `grammar` are those that only language rules use."""

    language: str
    voice: Voice
    prompts: Mapping[str, str]
    grammar: Mapping[str, str]

    @property
    def texts(self) -> dict[str, str]:
        """All texts by name."""
        return {**self.prompts, **self.grammar}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises ManifestError, OSError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{path}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path}: give `language`, `voice` and `prompts`")
    language = content.get("language")
    if not isinstance(language, str) or not language:
        raise ManifestError(f"{path}: language: give one, like en")
    try:
        voice = voice_of(f"{content.get('voice')} {content.get('words_per_minute', 165)}")
    except ValueError as error:
        raise ManifestError(f"{path}: {error}") from error
    return Manifest(
        language=language,
        voice=voice,
        prompts=_texts(path, content, "prompts"),
        grammar=_texts(path, content, "grammar"),
    )


def manifests(sounds: Path) -> dict[str, Path]:
    """Language -> its manifest, of every language that has one with prompts."""
    found = {path.parent.name: path for path in sorted(sounds.glob(f"*/{MANIFEST}"))}
    return {language: path for language, path in found.items() if language != "music"}


def _texts(path: Path, content: Mapping[str, Any], key: str) -> dict[str, str]:
    found = content.get(key, {})
    if not isinstance(found, dict):
        raise ManifestError(f"{path}: {key}: give names with texts")
    for name, text in found.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ManifestError(f"{path}: {key}: {name!r} is no name (allowed: a-z, 0-9 and -, up to 64)")
        if not isinstance(text, str) or not text.strip() or len(text) > MOST_CHARACTERS:
            raise ManifestError(f"{path}: {key}.{name}: give a text of 1 to {MOST_CHARACTERS} characters, in quotes")
    return dict(found)

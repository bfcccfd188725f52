"""Say table: reads a plan back as text, with the words of the manifest."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pbx.speech.say import say_plan

SOUNDS = Path(__file__).resolve().parents[3] / "sounds"
PAUSE = "silence"


@cache
def words(language: str) -> dict[str, str]:
    """Prompt name -> its text."""
    content = yaml.safe_load((SOUNDS / language / "manifest.yaml").read_text(encoding="utf-8"))
    return {**content["prompts"], **content["grammar"]}


def said(kind: str, value: Any, language: str, between: str) -> str:
    """What is heard; a prompt that the manifest does not have raises KeyError, a pause is a bar."""
    known = words(language)
    return between.join("|" if name == PAUSE else known[name] for name in say_plan(kind, value, language))

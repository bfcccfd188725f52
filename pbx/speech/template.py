"""Template: a text with `${variable}` in it as sentences, so that those without one are spoken once for all calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pbx.speech.request import MOST_CHARACTERS, SpeechError

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)\}")
# A sentence ends with its mark and a blank; Chinese has no blanks.
_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|\n+")


def sentences(text: str, variables: Mapping[str, str]) -> list[str]:
    """The texts to be spoken one after the other: sentences with variables filled in, and what is between them.

    A variable that is not set is empty. Raises SpeechError for a text that is empty, or has over 1000 characters then.
    """
    parts: list[tuple[bool, str]] = []
    for sentence in _END.split(text):
        varies = _VARIABLE.search(sentence) is not None
        filled = _VARIABLE.sub(lambda found: str(variables.get(found[1], "")), sentence).strip()
        if not filled:
            continue
        if parts and not varies and not parts[-1][0]:
            parts[-1] = (False, f"{parts[-1][1]} {filled}")
        else:
            parts.append((varies, filled))
    length = sum(len(part) for _, part in parts)
    if not parts:
        raise SpeechError("there is nothing to say: the text is empty")
    if length > MOST_CHARACTERS:
        raise SpeechError(f"a text of {length} characters; give at most {MOST_CHARACTERS}")
    return [part for _, part in parts]

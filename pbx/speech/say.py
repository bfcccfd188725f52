"""Say: the prompts, one after the other, that say a value in a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from pbx.speech import chinese, english
from pbx.speech.say_item import READERS, SayError

Plan = tuple[str, ...]


class Rule(Protocol):
    """Says one kind of value; gets what the reader of that kind gave."""

    def __call__(self, value: Any, /) -> Plan: ...


LANGUAGES: Final[dict[str, Mapping[str, Rule]]] = {
    "en": english.RULES,
    "zh": chinese.RULES,
}
"""Language -> kind of value -> rule. A language is one file with such a table, and a folder of prompts."""


def say_plan(kind: str, value: Any, language: str) -> Plan:
    """Names of prompts that say `value`; a language without rules is said by those of its main language, or English's.

    Kinds are `digits`, `number`, `ordinal`, `date`, `time`, `datetime`, `duration` (seconds), `money`
    (`12.50 EUR` or Money), `phone`, `position` (in a queue) and `agent_number`. Raises SayError.
    """
    read = READERS.get(kind)
    if read is None:
        raise SayError(f"kind {kind!r} is not known (allowed: {' | '.join(READERS)})")
    return rules_of(language)[kind](read(value))


def rules_of(language: str) -> Mapping[str, Rule]:
    """The rules of a language: its own, else those of its main language (`en` of `en-GB`), else the English."""
    name = language.lower()
    return LANGUAGES.get(name) or LANGUAGES.get(name.partition("-")[0]) or LANGUAGES["en"]

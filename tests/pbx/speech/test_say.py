"""Say: values that cannot be said, languages without rules, and prompts that every language must have."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pbx.speech.say import LANGUAGES, say_plan
from pbx.speech.say_item import MOST, READERS, Money, SayError
from tests.pbx.speech.say_table import PAUSE, SOUNDS, words


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("digits", "", r"digits '': give 1 to 64 of 0-9 \* #"),
        ("digits", "12a", "digits '12a'"),
        ("digits", "٣", "digits"),
        ("digits", "1" * 65, "digits '1{65}'"),
        ("number", "12x", "number '12x': is no number"),
        ("number", "NaN", "give -999999999 to 999999999"),
        ("number", "sNaN", "give -999999999 to 999999999"),
        ("number", "1e99", "give -999999999 to 999999999"),
        ("number", MOST + 1, "give -999999999"),
        ("number", "0.1234567", "at most 6 decimal places"),
        ("ordinal", 0, "whole number from 1"),
        ("ordinal", "1.5", "whole number from 1"),
        ("date", "20.11.2026", "like 2026-11-20"),
        ("date", "2026-02-30", "like 2026-11-20"),
        ("time", "25:00", "give 0:00 to 23:59:59"),
        ("time", "8 pm", "like 15:05"),
        ("datetime", "today", "like 2026-11-20T15:05"),
        ("duration", -1, "seconds"),
        ("duration", 1000 * 86400, "seconds"),
        ("money", "12.50", "currency '' is not known"),
        ("money", "12 XYZ", r"currency 'XYZ' is not known \(allowed: CHF"),
        ("money", "x EUR", "number 'x'"),
        ("phone", "12 ab", "up to 32 digits"),
        ("phone", "", "up to 32 digits"),
        ("colour", "red", r"kind 'colour' is not known \(allowed: agent_number \| date"),
    ],
)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_what_cannot_be_said_is_told(language: str, kind: str, value: Any, told: str) -> None:
    with pytest.raises(SayError, match=told):
        say_plan(kind, value, language)


def test_a_number_that_python_does_not_print_is_told() -> None:
    for kind in READERS:
        with pytest.raises(SayError, match="thousands of digits"):
            say_plan(kind, 10**5000, "en")


def test_a_language_without_rules_of_its_own() -> None:
    assert say_plan("number", 200, "zh-TW") == ("liang", "hundred")
    assert say_plan("number", 200, "EN-gb") == say_plan("number", 200, "fi") == ("number-2", "hundred")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_language_has_a_rule_for_every_kind(language: str) -> None:
    assert set(LANGUAGES[language]) == set(READERS)


def test_all_languages_have_the_same_prompts() -> None:
    def names(path: Path) -> set[str]:
        return set(yaml.safe_load((path / "manifest.yaml").read_text(encoding="utf-8"))["prompts"])

    assert names(SOUNDS / "en") == names(SOUNDS / "zh")


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "agent_number": st.from_regex(r"[0-9*#]{1,64}", fullmatch=True),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "digits": st.from_regex(r"[0-9*#]{1,64}", fullmatch=True),
    "duration": st.integers(0, 1000 * 86400 - 1) | st.timedeltas(timedelta(0), timedelta(days=999)),
    "money": st.builds(
        Money,
        st.decimals(-MOST, MOST, places=3),
        st.sampled_from(["CHF", "CNY", "EUR", "GBP", "HKD", "JPY", "USD"]),
    ),
    "number": st.integers(-MOST, MOST) | st.decimals(-MOST, MOST, places=6),
    "ordinal": st.integers(1, MOST),
    "phone": st.from_regex(r"\+?[0-9*#]{1,32}", fullmatch=True),
    "position": st.integers(1, MOST),
    "time": st.times(),
}


@pytest.mark.parametrize(("language", "kind"), list(product(sorted(LANGUAGES), sorted(READERS))))
def test_whatever_can_be_said_has_its_prompts(language: str, kind: str) -> None:
    known = words(language)

    @given(_VALUES[kind])
    def check(value: Any) -> None:
        plan = say_plan(kind, value, language)
        assert plan
        assert all(name in known or name == PAUSE for name in plan)

    check()


@given(st.text() | st.integers() | st.floats() | st.decimals() | st.datetimes() | st.none())
def test_nothing_but_the_documented_error_is_raised(value: Any) -> None:
    for kind, language in product(READERS, LANGUAGES):
        with suppress(SayError):
            say_plan(kind, value, language)


def test_the_rows_of_money_and_moments_agree() -> None:
    assert say_plan("money", Money(Decimal("1.5"), "eur"), "en") == say_plan("money", "1.50 EUR", "en")
    assert say_plan("date", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "en") == say_plan("date", "2026-01-02", "en")

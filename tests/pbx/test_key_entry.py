"""Key entry: what ends it."""

from __future__ import annotations

import pytest

from pbx.key_entry import Ended, Entry, KeyEntry, KeyRules

RULES = KeyRules(min=2, max=4, first_digit_s=5.0, inter_digit_s=2.0, total_s=6.0)


@pytest.mark.parametrize(
    ("keys", "digits", "ended"),
    [
        ("1234", "1234", Ended.COMPLETE),
        ("12#", "12", Ended.COMPLETE),
        ("1#", "1", Ended.TOO_SHORT),
        ("#", "", Ended.TOO_SHORT),
        ("1!*A#", "1*A", Ended.COMPLETE),
    ],
)
def test_keys_end_an_entry(keys: str, digits: str, ended: Ended) -> None:
    entry = KeyEntry(RULES)
    others, last = keys[:-1], keys[-1]
    assert [entry.press(key, 1.0) for key in others] == [None] * len(others)
    assert entry.press(last, 1.0) == Entry(digits=digits, ended=ended)


@pytest.mark.parametrize(
    ("keys", "ended"), [("", Ended.TIMEOUT), ("1", Ended.TOO_SHORT), ("12", Ended.COMPLETE), ("123", Ended.COMPLETE)]
)
def test_a_pause_ends_an_entry(keys: str, ended: Ended) -> None:
    entry = KeyEntry(RULES)
    assert entry.deadline is None
    entry.begin(10.0)
    assert entry.deadline == 15.0
    for number, key in enumerate(keys):
        entry.press(key, 10.0 + number)
    assert entry.deadline == (15.0 if not keys else min(10.0 + len(keys) - 1 + 2.0, 16.0))
    assert entry.expire() == Entry(digits=keys, ended=ended)


def test_all_of_it_has_a_limit() -> None:
    entry = KeyEntry(RULES)
    for at in (0.0, 1.9, 3.8):
        entry.press("1", at)
    assert entry.deadline == 5.8
    entry = KeyEntry(KeyRules(max=9, total_s=4.0))
    for at in (0.0, 1.9, 3.8):
        entry.press("1", at)
    assert entry.deadline == 4.0


def test_no_terminator_and_nothing_needed() -> None:
    entry = KeyEntry(KeyRules(min=1, max=3, terminator=None))
    assert entry.press("#", 0.0) is None
    nothing = KeyEntry(KeyRules(min=0, max=3))
    assert nothing.press("#", 0.0) == Entry(digits="", ended=Ended.COMPLETE)
    with pytest.raises(ValueError, match="give 0 <= min <= max"):
        KeyRules(min=3, max=2)


def test_secrets_stay_secret() -> None:
    assert "1234" not in repr(Entry(digits="1234", ended=Ended.COMPLETE))

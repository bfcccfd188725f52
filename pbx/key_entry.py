"""Key entry: digits as they are collected, and what ends them; a table, times are given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Fill(Enum):
    """How full an entry is."""

    EMPTY = 1
    SHORT = 2
    """Fewer digits than needed."""
    ENOUGH = 3
    FULL = 4


class Input(Enum):
    """What can happen to an entry."""

    DIGIT = 1
    TERMINATOR = 2
    TIMEOUT = 3


class Ended(Enum):
    """Why an entry is over."""

    COMPLETE = "complete"
    """As many digits as there may be, or enough and then the terminator or a pause."""
    TIMEOUT = "timeout"
    """No key at all in time."""
    TOO_SHORT = "too_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRules:
    """What is to be entered: `min` to `max` digits; `terminator` ends it and is not part of it (None: no key does).

    Seconds: to the first key, from key to key, and for all.
    """

    min: int = 1
    max: int = 20
    terminator: str | None = "#"
    first_digit_s: float = 5.0
    inter_digit_s: float = 3.0
    total_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.min <= self.max or self.max < 1:
            raise ValueError(f"{self.min} to {self.max} digits: give 0 <= min <= max, max 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was entered. The digits may be a secret: they are not in its text form."""

    digits: str
    ended: Ended

    def __repr__(self) -> str:
        return f"Entry({len(self.digits)} digits, {self.ended.value})"


_ENDS: Final[dict[tuple[Fill, Input], Ended | None]] = {
    (Fill.SHORT, Input.DIGIT): None,
    (Fill.ENOUGH, Input.DIGIT): None,
    (Fill.FULL, Input.DIGIT): Ended.COMPLETE,
    (Fill.EMPTY, Input.TERMINATOR): Ended.TOO_SHORT,
    (Fill.SHORT, Input.TERMINATOR): Ended.TOO_SHORT,
    (Fill.ENOUGH, Input.TERMINATOR): Ended.COMPLETE,
    (Fill.EMPTY, Input.TIMEOUT): Ended.TIMEOUT,
    (Fill.SHORT, Input.TIMEOUT): Ended.TOO_SHORT,
    (Fill.ENOUGH, Input.TIMEOUT): Ended.COMPLETE,
}
"""How an input ends an entry that is so full after it; None: it goes on."""


class KeyEntry:
    """One entry. Its times begin with `begin`: when the prompt is over."""

    def __init__(self, rules: KeyRules) -> None:
        self._rules = rules
        self._digits = ""
        self._began: float | None = None
        self._last: float | None = None

    def begin(self, now: float) -> None:
        """Count the times from now."""
        if self._began is None:
            self._began = self._last = now

    @property
    def deadline(self) -> float | None:
        """When `expire` is due; None before `begin`."""
        if self._began is None or self._last is None:
            return None
        pause_s = self._rules.inter_digit_s if self._digits else self._rules.first_digit_s
        return min(self._last + pause_s, self._began + self._rules.total_s)

    def press(self, key: str, now: float) -> Entry | None:
        """A key; gives the entry when it is over."""
        self.begin(now)
        self._last = now
        if key == self._rules.terminator:
            return self._take(Input.TERMINATOR)
        if key == "!":
            return None  # A hook flash is no digit.
        self._digits += key
        return self._take(Input.DIGIT)

    def expire(self) -> Entry:
        """The deadline has come."""
        entry = self._take(Input.TIMEOUT)
        assert entry is not None
        return entry

    @property
    def _fill(self) -> Fill:
        count, rules = len(self._digits), self._rules
        if count >= rules.max:
            return Fill.FULL
        if count >= rules.min and (count or rules.min == 0):
            return Fill.ENOUGH if count else Fill.EMPTY
        return Fill.SHORT if count else Fill.EMPTY

    def _take(self, what: Input) -> Entry | None:
        ended = _ENDS[self._fill, what]
        if ended is Ended.TOO_SHORT and not self._digits and self._rules.min == 0:
            ended = Ended.COMPLETE
        return None if ended is None else Entry(digits=self._digits, ended=ended)

"""Say item: the kinds of values that can be said, read from what a flow or an API gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

MOST: Final = 999_999_999
MOST_DECIMALS: Final = 6
MOST_DIGITS: Final = 64
_SHOWN: Final = 80
_PUNCTUATION: Final = str.maketrans("", "", " -./()\t")


class SayError(ValueError):
    """A value that cannot be said; the message names it and says what is allowed."""


class Money(NamedTuple):
    """An amount and its currency (ISO 4217)."""

    amount: Decimal
    currency: str


def _text(value: Any) -> str:
    try:
        return str(value).strip()
    except ValueError as error:
        raise SayError(f"{_shown(value)}: give it as a short text") from error


def _shown(value: Any) -> str:
    try:
        return str(value)[:_SHOWN]
    except ValueError:  # an int with more digits than Python prints
        return "a number of thousands of digits"


def read_digits(value: Any) -> str:
    """0-9, `*` and `#`, at most 64."""
    text = _text(value)
    if not re.fullmatch(r"[0-9*#]{1,64}", text, re.ASCII):
        raise SayError(f"digits {text[:_SHOWN]!r}: give 1 to {MOST_DIGITS} of 0-9 * #")
    return text


def read_number(value: Any) -> Decimal:
    """A number with at most nine digits before the point and six behind it; zeros at its end are not said."""
    try:
        number = Decimal(value if isinstance(value, int | Decimal) else _text(value))
    except InvalidOperation as error:
        raise SayError(f"number {_shown(value)!r}: is no number") from error
    if not number.is_finite() or abs(number) >= MOST + 1:
        raise SayError(f"number {_shown(value)!r}: give -{MOST} to {MOST}")
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MOST_DECIMALS:
        raise SayError(f"number {_shown(value)!r}: give at most {MOST_DECIMALS} decimal places")
    return number


def read_ordinal(value: Any) -> int:
    """A whole number from 1."""
    number = read_number(value)
    if number != number.to_integral_value() or number < 1:
        raise SayError(f"ordinal {_shown(value)!r}: give a whole number from 1 to {MOST}")
    return int(number)


def read_date(value: Any) -> date:
    """A date, or a text like 2026-11-20."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(_text(value))
    except ValueError as error:
        raise SayError(f"date {_shown(value)!r}: give it like 2026-11-20") from error


def read_time(value: Any) -> time:
    """A time of day, or a text like 15:05 or 15:05:20."""
    if isinstance(value, datetime):
        return value.time()
    if isinstance(value, time):
        return value
    text = _text(value)
    if not re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text, re.ASCII):
        raise SayError(f"time {text[:_SHOWN]!r}: give it like 15:05 or 15:05:20")
    try:
        hour, minute, second = [int(part) for part in (*text.split(":"), "0")][:3]
        return time(hour, minute, second)
    except ValueError as error:
        raise SayError(f"time {text!r}: give 0:00 to 23:59:59") from error


def read_moment(value: Any) -> datetime:
    """A date with a time, or a text like 2026-11-20T15:05."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(_text(value))
    except ValueError as error:
        raise SayError(f"datetime {_shown(value)!r}: give it like 2026-11-20T15:05") from error


def read_duration(value: Any) -> int:
    """Whole seconds, up to 999 days."""
    number = read_number(round(value.total_seconds()) if isinstance(value, timedelta) else value)
    if not 0 <= number < 1000 * 86400:
        raise SayError(f"duration {_shown(value)!r}: give 0 to {1000 * 86400 - 1} seconds")
    return int(number)


def read_money(value: Any) -> Money:
    """Money, or a text like `12.50 EUR`."""
    if not isinstance(value, Money):
        amount, _, currency = _text(value).partition(" ")
        return Money(read_number(amount), currency.strip().upper())
    return Money(read_number(value.amount), value.currency.strip().upper())


def read_phone(value: Any) -> str:
    """A telephone number, `+` in front or not; blanks and punctuation are left out."""
    text = _text(value).translate(_PUNCTUATION)
    if not re.fullmatch(r"\+?[0-9*#]{1,32}", text, re.ASCII):
        raise SayError(f"phone {_shown(value)!r}: give up to 32 digits, with or without + in front")
    return text


READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "agent_number": read_digits,
    "date": read_date,
    "datetime": read_moment,
    "digits": read_digits,
    "duration": read_duration,
    "money": read_money,
    "number": read_number,
    "ordinal": read_ordinal,
    "phone": read_phone,
    "position": read_ordinal,
    "time": read_time,
}
"""Kind of value -> how it is read. Each raises SayError."""

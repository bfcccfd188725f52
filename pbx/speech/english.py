"""English: how numbers, dates and the like are said, as rows of prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NamedTuple

from pbx.speech.say_item import Money, SayError

Plan = tuple[str, ...]

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
PAUSE: Final = "silence"

_SIGNS: Final = {"*": "star", "#": "pound", "+": "plus"}
_SCALES: Final = ((1_000_000, "million"), (1000, "thousand"))
_ORDINAL_SCALES: Final = {"hundred": "hundredth", "thousand": "thousandth", "million": "millionth"}
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Coin(NamedTuple):
    """Prompts of a currency: one and many, and the same of its hundredth part where it has one."""

    one: str
    many: str
    part: str | None = None
    parts: str | None = None


CURRENCIES: Final[dict[str, Coin]] = {
    "CHF": Coin("currency-franc", "currency-francs", "currency-centime", "currency-centimes"),
    "CNY": Coin("currency-yuan", "currency-yuan", "currency-fen", "currency-fen"),
    "EUR": Coin("currency-euro", "currency-euros", "currency-cent", "currency-cents"),
    "GBP": Coin("currency-pound", "currency-pounds", "currency-penny", "currency-pence"),
    "HKD": Coin("currency-hong-kong-dollar", "currency-hong-kong-dollars", "currency-cent", "currency-cents"),
    "JPY": Coin("currency-yen", "currency-yen"),
    "USD": Coin("currency-dollar", "currency-dollars", "currency-cent", "currency-cents"),
}


def digits(value: str) -> Plan:
    """One after the other: 4 0 7."""
    return tuple(_SIGNS.get(one) or f"number-{one}" for one in value)


def cardinal(value: int) -> Plan:
    """A whole number from 0: two hundred fourteen thousand six."""
    plan: list[str] = []
    for size, name in _SCALES:
        if value >= size:
            plan += (*_below_thousand(value // size), name)
            value %= size
    if value or not plan:
        plan += _below_thousand(value)
    return tuple(plan)


def _below_thousand(value: int) -> Plan:
    plan: list[str] = []
    if value >= 100:
        plan += (f"number-{value // 100}", "hundred")
        value %= 100
        if not value:
            return tuple(plan)
    if value <= 20:
        return (*plan, f"number-{value}")
    tens, ones = divmod(value, 10)
    return (*plan, f"number-{tens}0", *((f"number-{ones}",) if ones else ()))


def number(value: Decimal) -> Plan:
    """minus twelve point oh five, which is said as: minus, twelve, point, zero, five."""
    whole = int(abs(value))
    decimals = format(abs(value) - whole, "f").partition(".")[2].rstrip("0")
    sign = ("minus",) if value < 0 else ()
    return (*sign, *cardinal(whole), *(("point", *digits(decimals)) if decimals else ()))


def ordinal(value: int) -> Plan:
    """one hundred twenty third: the last word alone is an ordinal."""
    *front, last = cardinal(value)
    return (*front, _ORDINAL_SCALES.get(last) or last.replace("number", "ordinal"))


def day(value: date) -> Plan:
    """Friday, November twentieth, twenty twenty-six."""
    return (
        f"weekday-{WEEKDAYS[value.weekday()]}",
        f"month-{MONTHS[value.month - 1]}",
        *ordinal(value.day),
        *year(value.year),
    )


def year(value: int) -> Plan:
    """nineteen oh five, nineteen hundred, two thousand six, twenty twenty-six."""
    century, rest = divmod(value, 100)
    if value < 1000 or (century % 10 == 0 and rest < 10):
        return cardinal(value)
    if rest == 0:
        return (*cardinal(century), "hundred")
    return (*cardinal(century), *(("oh",) if rest < 10 else ()), *cardinal(rest))


def time_of_day(value: time) -> Plan:
    """three fifteen p.m.; three oh five p.m. and twenty seconds."""
    plan = cardinal(value.hour % 12 or 12)
    if value.minute:
        plan += (*(("oh",) if value.minute < 10 else ()), *cardinal(value.minute))
    plan += ("am" if value.hour < 12 else "pm",)
    return (*plan, "and", *_counted(value.second, "second")) if value.second else plan


def moment(value: datetime) -> Plan:
    """The day, then the time."""
    return (*day(value.date()), "at", *time_of_day(value.time()))


def _counted(count: int, unit: str) -> Plan:
    return (*cardinal(count), f"unit-{unit}" if count == 1 else f"unit-{unit}s")


def duration(seconds: int) -> Plan:
    """one hour two minutes and three seconds; what is zero is left out."""
    parts: list[Plan] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(_counted(count, unit))
    if not parts:
        return _counted(0, "second")
    *front, last = parts
    return (*(name for part in front for name in part), *(("and",) if front else ()), *last)


def money(value: Money) -> Plan:
    """twelve euros and fifty cents; fifty cents; minus one dollar."""
    coin = CURRENCIES.get(value.currency)
    if coin is None:
        raise SayError(f"currency {value.currency!r} is not known (allowed: {' | '.join(CURRENCIES)})")
    unit = Decimal(1) if coin.part is None else Decimal("0.01")
    amount = abs(value.amount).quantize(unit, ROUND_HALF_UP)
    whole, parts = int(amount), int(amount % 1 * 100)
    plan: list[Plan] = []
    if whole or not parts:
        plan.append((*cardinal(whole), coin.one if whole == 1 else coin.many))
    if parts and coin.part is not None and coin.parts is not None:
        plan.append((*cardinal(parts), coin.part if parts == 1 else coin.parts))
    sign = ("minus",) if value.amount < 0 and amount else ()
    return (*sign, *plan[0], *(("and", *plan[1]) if len(plan) > 1 else ()))


def phone(value: str) -> Plan:
    """Digit by digit, with a pause between groups: as North America writes its numbers, others by threes."""
    plus, rest = value.startswith("+"), value.removeprefix("+")
    plan: list[str] = ["plus"] if plus else []
    for index, group in enumerate(_groups(rest)):
        plan += ((PAUSE,) if index else ()) + digits(group)
    return tuple(plan)


def _groups(text: str) -> list[str]:
    if len(text) <= 5:
        return [text]
    if len(text) == 11 and text[0] == "1":
        return [text[0], text[1:4], text[4:7], text[7:]]
    # The last group has two to four digits, those before it three.
    cut = len(text) - (len(text) % 3 or 3)
    if len(text) - cut == 1:
        cut -= 3
    return [*(text[at : at + 3] for at in range(0, cut, 3)), text[cut:]]


def position(value: int) -> Plan:
    """You are number three in line."""
    return ("queue-you-are-number", *cardinal(value), "queue-in-line")


def agent_number(value: str) -> Plan:
    """Agent, and the digits of its number."""
    return ("agent", *digits(value))


RULES: Final[Mapping[str, Callable[[Any], Plan]]] = {
    "agent_number": agent_number,
    "date": day,
    "datetime": moment,
    "digits": digits,
    "duration": duration,
    "money": money,
    "number": number,
    "ordinal": ordinal,
    "phone": phone,
    "position": position,
    "time": time_of_day,
}

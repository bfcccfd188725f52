"""Chinese (Mandarin): how numbers, dates and the like are said, as rows of prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any, Final

from pbx.speech.english import MONTHS, PAUSE, WEEKDAYS
from pbx.speech.say_item import Money, SayError

Plan = tuple[str, ...]

_SIGNS: Final = {"*": "star", "#": "pound", "+": "plus"}
_PLACES: Final = ((1000, "thousand"), (100, "hundred"), (10, "ten"), (1, ""))
_GROUPS: Final = ((100_000_000, "hundred-million"), (10_000, "ten-thousand"), (1, ""))
_LIANG: Final = "liang"
"""两: two before a measure word and before 百, 千, 万, 亿; 二 elsewhere."""
_YAO: Final = "yao"
"""幺: how a one is said in telephone numbers."""
# From this hour on, until the next: 凌晨 早上 上午 中午 下午 晚上.
_DAYTIMES: Final = (
    (18, "evening"), (13, "afternoon"), (12, "noon"), (9, "forenoon"), (5, "morning"), (0, "small-hours"),
)  # fmt: skip
_UNITS: Final = ((86400, "unit-days"), (3600, "unit-hours"), (60, "unit-minutes"), (1, "unit-seconds"))

CURRENCIES: Final[dict[str, tuple[str, str | None]]] = {
    "CHF": ("currency-franc", None),
    "CNY": ("currency-yuan", None),
    "EUR": ("currency-euro", "currency-euro-cent"),
    "GBP": ("currency-pound", "currency-penny"),
    "HKD": ("currency-hong-kong-dollar", None),
    "JPY": ("currency-yen", None),
    "USD": ("currency-dollar", "currency-cent"),
}
"""Currency -> prompts of it and of its hundredth part; without one, the amount is said with decimals."""


def digits(value: str) -> Plan:
    """One after the other: 四零七."""
    return tuple(_SIGNS.get(one) or f"number-{one}" for one in value)


def cardinal(value: int, two: str = _LIANG) -> Plan:
    """A whole number from 0: 十二, 一百零二, 两万零三百. `two` is said before 百, 千, 万 and 亿."""
    if value == 0:
        return ("number-0",)
    plan: list[str] = []
    gap = False
    for size, name in _GROUPS:
        group, value = divmod(value, size)
        if not group:
            gap = bool(plan)
            continue
        # 零 stands for any row of empty places between two that are said.
        zero = ("number-0",) if plan and (gap or group < 1000) else ()
        plan += (*zero, *_group(group, two, first=not plan, counted=bool(name)), *((name,) if name else ()))
        gap = False
    return tuple(plan)


def _group(value: int, two: str, *, first: bool, counted: bool) -> Plan:
    """Up to four digits; `counted`: 万 or 亿 follows."""
    if value == 2 and counted:
        return (two,)
    plan: list[str] = []
    gap = False
    for size, name in _PLACES:
        digit, value = divmod(value, size)
        if not digit:
            gap = bool(plan)
            continue
        if gap:
            plan.append("number-0")
            gap = False
        if digit == 2 and name in ("hundred", "thousand"):
            plan.append(two)
        elif not (name == "ten" and digit == 1 and first and not plan):
            # 十二 begins without 一, 一百一十二 has it.
            plan.append(f"number-{digit}")
        if name:
            plan.append(name)
    return tuple(plan)


def measured(value: int) -> Plan:
    """A number before a measure word: 两 alone, else as ever."""
    return (_LIANG,) if value == 2 else cardinal(value)


def number(value: Decimal) -> Plan:
    """负十二点零五."""
    whole = int(abs(value))
    decimals = format(abs(value) - whole, "f").partition(".")[2].rstrip("0")
    sign = ("minus",) if value < 0 else ()
    return (*sign, *cardinal(whole), *(("point", *digits(decimals)) if decimals else ()))


def ordinal(value: int) -> Plan:
    """第三, 第二百."""
    return ("ordinal", *cardinal(value, two="number-2"))


def day(value: date) -> Plan:
    """二零二六年十一月二十日星期五."""
    return (
        *digits(str(value.year)),
        "year",
        f"month-{MONTHS[value.month - 1]}",
        *cardinal(value.day),
        "day-of-month",
        f"weekday-{WEEKDAYS[value.weekday()]}",
    )


def time_of_day(value: time) -> Plan:
    """下午三点十五分, 下午三点零五分, 上午十点整, 晚上八点十五分二十秒."""
    daytime = next(name for hour, name in _DAYTIMES if value.hour >= hour)
    hour = value.hour if value.hour <= 12 else value.hour - 12
    plan = (daytime, *measured(hour), "hour-of-day")
    if not value.minute and not value.second:
        return (*plan, "sharp")
    plan += (*_two_digits(value.minute), "minute-of-hour")
    return (*plan, *_two_digits(value.second), "unit-seconds") if value.second else plan


def _two_digits(value: int) -> Plan:
    return ("number-0", f"number-{value}") if 0 < value < 10 else cardinal(value)


def moment(value: datetime) -> Plan:
    """The day, then the time."""
    return (*day(value.date()), *time_of_day(value.time()))


def duration(seconds: int) -> Plan:
    """一小时两分钟三秒, 一小时零三秒."""
    plan: list[str] = []
    gap = False
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            plan += (*(("number-0",) if gap else ()), *measured(count), unit)
        gap = bool(plan) and not count
    return tuple(plan) or ("number-0", "unit-seconds")


def money(value: Money) -> Plan:
    """十二元五角, 十二元零五分, 十二美元五十美分, 十二点五港元."""
    known = CURRENCIES.get(value.currency)
    if known is None:
        raise SayError(f"currency {value.currency!r} is not known (allowed: {' | '.join(CURRENCIES)})")
    currency, part = known
    amount = abs(value.amount).quantize(Decimal(1) if value.currency == "JPY" else Decimal("0.01"), ROUND_HALF_UP)
    sign = ("minus",) if value.amount < 0 and amount else ()
    whole, parts = int(amount), int(amount % 1 * 100)
    if value.currency == "CNY":
        return (*sign, *_yuan(whole, parts))
    if not parts:
        return (*sign, *measured(whole), currency)
    if part is None:
        return (*sign, *number(amount), currency)
    return (*sign, *((*measured(whole), currency) if whole else ()), *measured(parts), part)


def _yuan(whole: int, parts: int) -> Plan:
    jiao, fen = divmod(parts, 10)
    plan: list[str] = []
    if whole or not parts:
        plan += (*measured(whole), "currency-yuan")
    if jiao:
        plan += (*measured(jiao), "currency-jiao")
    if fen:
        plan += (*(("number-0",) if whole and not jiao else ()), *measured(fen), "currency-fen")
    return tuple(plan)


def phone(value: str) -> Plan:
    """Digit by digit with 幺 for one, and a pause between groups as they are written in China."""
    plus, rest = value.startswith("+"), value.removeprefix("+")
    plan: list[str] = ["plus"] if plus else []
    for index, group in enumerate(_groups(rest)):
        plan += ((PAUSE,) if index else ()) + _telephone_digits(group)
    return tuple(plan)


def _telephone_digits(value: str) -> Plan:
    return tuple(_YAO if name == "number-1" else name for name in digits(value))


def _groups(text: str) -> list[str]:
    if len(text) <= 5:
        return [text]
    if len(text) == 13 and text.startswith("861"):
        return [text[:2], text[2:5], text[5:9], text[9:]]
    if len(text) == 11 and text[0] == "1":
        return [text[:3], text[3:7], text[7:]]
    if text[0] == "0" and len(text) >= 10:
        # Beijing and the twenties have three digits of area code, the others four.
        cut = 3 if text[1] in "12" else 4
        return [text[:cut], *_groups(text[cut:])]
    # The last group has four digits, those before it three or four.
    head = len(text) - 4
    parts = -(-head // 4)
    bounds = [head * index // parts for index in range(parts + 1)]
    return [*(text[start:end] for start, end in pairwise(bounds)), text[head:]]


def position(value: int) -> Plan:
    """您排在第三位."""
    return ("queue-you-are-number", *ordinal(value), "queue-in-line")


def agent_number(value: str) -> Plan:
    """工号, and its digits as those of a telephone number."""
    return ("agent", *_telephone_digits(value))


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

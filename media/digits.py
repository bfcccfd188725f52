"""Digits as telephone events: names, codes, and how long one takes to send (RFC 4733 §2.5, §3.2)."""

from typing import Final

STEP_MS: Final = 20
"""One packet of an event each time."""

MORE_ENDS: Final = 2
"""The end of an event is sent once and twice more (RFC 4733 §2.5.1.4)."""

SEGMENT_UNITS: Final = 0xFFFF
"""What the duration field can say at most; a longer event goes on in another segment (§2.5.1.3)."""

MOST_DIGITS: Final = 128
FLASH: Final = "!"

_NAMES: Final = "0123456789*#ABCD" + FLASH
_EVENTS: Final = {name: code for code, name in enumerate(_NAMES)}


def digit_of(event: int) -> str:
    """Give the key of an event code 0..16; `!` is hook flash."""
    return _NAMES[event]


def event_of(digit: str) -> int:
    """Give the event code of a key. Raises KeyError."""
    return _EVENTS[digit]


def is_dialable(digits: str) -> bool:
    """Say whether every character is a key."""
    return all(digit in _EVENTS for digit in digits)

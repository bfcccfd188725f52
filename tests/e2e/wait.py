"""Waiting: the one place of the end-to-end tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.02


class TooLate(AssertionError):
    """What was waited for did not come."""


def wait_until(condition: Callable[[], T | None], timeout_s: float, what: str) -> T:
    """The first result of `condition` that is not None or False. At the deadline: raises TooLate."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result is not None and result is not False:
            return result
        if time.monotonic() >= deadline:
            raise TooLate(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(POLL_S)

"""Interval: what a session timer was settled to (RFC 4028), and the timer that runs by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sip.timers import Timer

MIN_SE_S = 90
"""RFC 4028 §4: the least that anybody may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What an exchange settled: the session's interval in seconds and whether we refresh it."""

    expires_s: int
    ours: bool


class SessionTimer:
    """The running timer of one usage."""

    __slots__ = ("interval", "least_s", "timer", "updates")

    def __init__(self, interval: Interval, updates: bool) -> None:
        self.interval = interval
        self.updates = updates
        """The far end takes UPDATE."""
        self.least_s = MIN_SE_S
        """The least that the far end takes, as far as it has said."""
        self.timer: Timer | None = None

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

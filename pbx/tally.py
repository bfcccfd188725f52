"""Tally: what the node's events add up to since its start; it watches the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from pbx.events import (
    AuthenticationFailed,
    CallCreated,
    CallEnded,
    Event,
    LegMedia,
    RegistrationChanged,
)
from pbx.histogram import Histogram


class Tally:
    """Sums by names of closed lists only: no number, name or address, so its size is bounded."""

    def __init__(self) -> None:
        self.calls_begun: Counter[str] = Counter()
        """Calls by direction."""
        self.calls_ended: Counter[tuple[str, str]] = Counter()
        """Calls by result and reason."""
        self.registrations: Counter[str] = Counter()
        """Changes of bindings by action."""
        self.authentication_failures = 0
        self.packets_in = 0
        self.packets_out = 0
        self.packets_lost = 0
        self.loss_pct = Histogram(0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)
        self.jitter_ms = Histogram(1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
        self.mos = Histogram(2.0, 2.6, 3.1, 3.6, 4.0, 4.3)
        """Ended legs that sent sound, by what of it arrived here."""

    def watchers(self) -> dict[type[Event], Callable[[Any], None]]:
        """What to give to `Journal.watch`."""
        return {
            CallCreated: self._call_created,
            CallEnded: self._call_ended,
            RegistrationChanged: self._registration_changed,
            AuthenticationFailed: self._authentication_failed,
            LegMedia: self._leg_media,
        }

    def _call_created(self, event: CallCreated) -> None:
        self.calls_begun[event.direction] += 1

    def _call_ended(self, event: CallEnded) -> None:
        self.calls_ended[event.result, event.reason] += 1

    def _registration_changed(self, event: RegistrationChanged) -> None:
        self.registrations[event.action] += 1

    def _authentication_failed(self, event: AuthenticationFailed) -> None:
        self.authentication_failures += event.count

    def _leg_media(self, event: LegMedia) -> None:
        self.packets_in += event.packets_in
        self.packets_out += event.packets_out
        self.packets_lost += event.lost_in
        due = event.packets_in + event.lost_in
        if due:
            self.loss_pct.add(100.0 * event.lost_in / due)
            self.jitter_ms.add(event.jitter_ms or 0.0)
        if event.mos is not None:
            self.mos.add(event.mos)

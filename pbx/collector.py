"""Collector: cyclic garbage is looked for when nobody waits, since the search stops the loop for many milliseconds.

A call leaves no cycles behind when it ends (a test holds it to that), so there is next to nothing to find. Left to
itself Python would search through the transactions of the last 32 s again and again.
"""

from __future__ import annotations

import gc

ENOUGH = 100_000
"""Containers made, net, since the last search: below that an idle server does not bother."""
FALLING = 500
"""Containers fewer than a second ago."""
TOO_MANY = 5_000_000
"""Beyond that something leaks cycles: a pause is better than running out of memory."""


class Collector:
    """Takes the decision from Python. `start` once everything long-lived is there, `beat` every second or so."""

    def __init__(self) -> None:
        self.searches = 0
        self._made = 0

    def start(self) -> None:
        gc.disable()
        gc.collect()
        gc.freeze()

    def settle(self) -> None:
        """Much was made that will live long: no search looks at it again; what of it goes later is freed as ever."""
        gc.freeze()

    def beat(self, *, idle: bool) -> None:
        """Search now if it disturbs nobody, or if it must be."""
        made, before = gc.get_count()[0], self._made
        self._made = made
        # While it falls, what ended calls left behind for 32 s is going by itself: a search would only go through it.
        falling = made < before - FALLING
        if made > TOO_MANY or (idle and made > ENOUGH and not falling):
            gc.collect()
            self.searches += 1

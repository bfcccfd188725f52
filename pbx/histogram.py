"""Histogram: how many values fell between which bounds."""

from __future__ import annotations

from bisect import bisect_left


class Histogram:
    """Counts values by upper bounds in rising order; one bucket more holds what is above the last."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0
        """The sum of all values."""

    def add(self, value: float) -> None:
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many values were added."""
        return sum(self.buckets)

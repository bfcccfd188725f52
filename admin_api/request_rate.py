"""Request rate: how many requests a token may make, as a bucket that fills evenly."""

from __future__ import annotations

from collections import OrderedDict

MOST_KEYS = 10_000


class RequestRate:
    """`per_minute` requests over time, half of them at once; 0 limits nothing."""

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60.0
        self._room = max(1.0, per_minute / 2.0)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one: 0.0, or the seconds until there is one."""
        if not self._per_s:
            return 0.0
        left, at = self._buckets.pop(key, (self._room, now))
        left = min(self._room, left + (now - at) * self._per_s)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) / self._per_s
        self._buckets[key] = (left - 1.0 if not wait_s else left, now)
        while len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
        return wait_s

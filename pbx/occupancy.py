"""Occupancy: how many calls use an extension or a trunk now, and whether there is room for one more."""

from __future__ import annotations

from collections import Counter


class Occupancy:
    """Live counts by key, such as ("extension", tenant, number) or ("trunk", name, "in")."""

    def __init__(self) -> None:
        self._used: Counter[tuple[str, ...]] = Counter()

    def used(self, key: tuple[str, ...]) -> int:
        return self._used[key]

    def has_room(self, key: tuple[str, ...], limit: int | None) -> bool:
        """Whether one more fits; `limit` None is no limit, 0 allows nothing."""
        return limit is None or self._used[key] < limit

    def take(self, key: tuple[str, ...]) -> None:
        self._used[key] += 1

    def free(self, key: tuple[str, ...]) -> None:
        if self._used[key] <= 1:
            del self._used[key]
        else:
            self._used[key] -= 1

    def __len__(self) -> int:
        """How many things are in use at all: zero when no call is up."""
        return len(self._used)

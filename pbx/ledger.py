"""Ledger: what a call holds and must give back, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable


class Ledger:
    """Release functions by key. They only queue commands: none of them waits, and none raises."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[object, Callable[[], None]] = {}

    def hold(self, key: object, release: Callable[[], None]) -> None:
        """Note something held. A key is held once."""
        if key in self._held:
            raise ValueError(f"{key!r} is already held")
        self._held[key] = release

    def release(self, key: object) -> None:
        """Give one thing back; one that is not held any more is no error."""
        release = self._held.pop(key, None)
        if release is not None:
            release()

    def forget(self, key: object) -> None:
        """What was held has gone by itself, or to another owner."""
        self._held.pop(key, None)

    def release_all(self) -> None:
        """Give back everything, the latest first."""
        while self._held:
            _, release = self._held.popitem()
            release()

    def __len__(self) -> int:
        return len(self._held)

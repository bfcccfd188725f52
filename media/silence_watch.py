"""Silence watch: how long a far end has not been heard, told once until it is heard again."""

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class SilenceWatch:
    """Counts from the last sound, or from when the watch began or changed; times are monotonic seconds."""

    limit_ms: int | None = None
    silent_ms: int = 0
    _since: float = 0.0
    _silent: bool = False

    def set(self, limit_ms: int | None, now: float) -> None:
        """Watch for `limit_ms` of silence from now on; None does not watch. The same limit changes nothing."""
        if limit_ms != self.limit_ms:
            self.limit_ms, self._since, self._silent = limit_ms, now, False

    def look(self, last_heard: float | None, now: float) -> Literal["silent", "heard"] | None:
        """What has come true since the last look; `silent_ms` says how long it has been silent."""
        if self.limit_ms is None:
            return None
        heard = 0.0 if last_heard is None else last_heard
        if self._silent:
            if heard <= self._since:
                return None
            self._silent = False
            return "heard"
        since = max(self._since, heard)
        self.silent_ms = int((now - since) * 1000.0)
        if self.silent_ms < self.limit_ms:
            return None
        self._silent, self._since = True, since
        return "silent"

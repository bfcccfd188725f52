"""Admission: whether the node takes one more call, by calls, rate, media ports and its own slowness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

STEP_S = 0.1
"""How often the share of refused calls follows the loop's lag."""
RISE = 0.05
FALL = 0.1
MOST = 0.95
"""Some calls are always taken: without them nobody would notice that the load has gone."""


class Refused(StrEnum):
    """Why the node took no call; each is answered 503, for these are the node's reasons and not the caller's."""

    DRAINING = "draining"
    RECORDS = "records"
    """The disk is full: what cannot be recorded is not begun."""
    CALLS = "calls"
    RATE = "rate"
    PORTS = "ports"
    LAG = "lag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of the node as a whole; 0 is no limit. `max_lag_ms` is the mean lateness of the event loop over a second."""

    max_calls: int = 0
    max_cps: int = 0
    max_lag_ms: int = 100


class TokenBucket:
    """Lets `rate` pass per second over time, and twice as many at once."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._tokens = max(1.0, 2.0 * rate)
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token; False where there is none."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def wait_s(self, now: float) -> float:
        """How long until there is a token."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        self._tokens = min(max(1.0, 2.0 * self._rate), self._tokens + (now - self._at) * self._rate)
        self._at = now


class Rates:
    """Call rates of tenants and trunks by key, such as ("trunk", name)."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], tuple[float, TokenBucket]] = {}

    def take(self, key: tuple[str, ...], rate: float | None, now: float) -> bool:
        """Count one call; False where the rate is used up. `rate` None is no limit."""
        return rate is None or self._bucket(key, rate, now).take(now)

    def wait_s(self, key: tuple[str, ...], rate: float | None, now: float) -> float:
        """How long until there is room for one more."""
        return 0.0 if rate is None else self._bucket(key, rate, now).wait_s(now)

    def _bucket(self, key: tuple[str, ...], rate: float, now: float) -> TokenBucket:
        known = self._buckets.get(key)
        if known is None or known[0] != rate:
            known = self._buckets[key] = (rate, TokenBucket(rate, now))
        return known[1]


class Admission:
    """The node's gate for first INVITEs.

    `free_calls` says for how many calls there are media ports, `lag_s` how late the event loop was over the last
    second. When that is too late, a share of the calls is refused, which follows the lag up and down: those that
    are served stay whole.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        now: Callable[[], float],
        free_calls: Callable[[], int],
        lag_s: Callable[[], float],
    ) -> None:
        self.draining = False
        """No new calls are taken; those that run go on."""
        self.refused: Counter[Refused] = Counter()
        self.share = 0.0
        """Of all new calls, how many are refused for lag: 0 to MOST."""
        self._limits = limits
        self._now = now
        self._free_calls = free_calls
        self._lag_s = lag_s
        self._bucket = TokenBucket(limits.max_cps, now()) if limits.max_cps else None
        self._followed = now()
        self._debt = 0.0

    def refuses(self, calls: int, disk_full: bool) -> Refused | None:
        """Why a new call is not taken while `calls` are up; None where it is. Counts what it refuses."""
        why = self._why(calls, disk_full)
        if why is not None:
            self.refused[why] += 1
        return why

    def _why(self, calls: int, disk_full: bool) -> Refused | None:
        limits = self._limits
        if self.draining:
            return Refused.DRAINING
        if disk_full:
            return Refused.RECORDS
        if limits.max_calls and calls >= limits.max_calls:
            return Refused.CALLS
        if self._free_calls() < 1:
            return Refused.PORTS
        if limits.max_lag_ms and self._too_slow():
            return Refused.LAG
        if self._bucket is not None and not self._bucket.take(self._now()):
            return Refused.RATE
        return None

    def _too_slow(self) -> bool:
        self._follow()
        if not self.share:
            return False
        # Refusals are spread evenly, without dice.
        self._debt += self.share
        if self._debt < 1.0:
            return False
        self._debt -= 1.0
        return True

    def _follow(self) -> None:
        """Let the share follow the lag, by one step for each tenth of a second that has passed."""
        now = self._now()
        steps = int((now - self._followed) / STEP_S)
        if steps <= 0:
            return
        self._followed = now
        excess = self._lag_s() * 1000.0 / self._limits.max_lag_ms
        if excess > 1.0:
            self.share = min(MOST, self.share + RISE * min(4.0, excess))
        else:
            self.share = max(0.0, self.share - FALL * steps)
            if not self.share:
                self._debt = 0.0

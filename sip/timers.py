"""Timers of the stack: a heap for those that move, a queue per constant duration for those that only wait.

Most SIP timers wait a constant time (64·T1, T4) and are seldom cut short; in a queue each costs one append,
whatever the number of transactions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Timing:
    """RFC 3261 §17.1.1.1 and Table 4, in seconds; `slack_s` is how late a finished transaction may be forgotten."""

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0
    slack_s: float = 0.0

    @property
    def transaction_s(self) -> float:
        """64·T1: timers B, F, H, J, L, M, and D over unreliable transports."""
        return 64 * self.t1_s


class Timer:
    """One pending call; `cancel` lets go of what it would have called."""

    __slots__ = ("arg", "call", "when")

    def __init__(self, when: float, call: Callable[[Any, float], None], arg: Any) -> None:
        self.when = when
        self.call: Callable[[Any, float], None] | None = call
        self.arg = arg

    def cancel(self) -> None:
        self.call = None
        self.arg = None


class Timers:
    """All pending timers; time is whatever the caller says it is.

    `slack_s` is how late a lingering timer may be: those of many transactions then fire together.
    """

    def __init__(self, slack_s: float = 0.0) -> None:
        self._slack_s = slack_s
        self._heap: list[tuple[float, int, Timer]] = []
        self._queues: dict[float, deque[Timer]] = {}
        self._lingering: dict[float, deque[Timer]] = {}
        self._order = count()

    def after(self, delay_s: float, now: float, call: Callable[[Any, float], None], arg: Any) -> Timer:
        """A timer of any duration."""
        timer = Timer(now + delay_s, call, arg)
        heappush(self._heap, (timer.when, next(self._order), timer))
        return timer

    def after_constant(self, delay_s: float, now: float, call: Callable[[Any, float], None], arg: Any) -> Timer:
        """A timer of one of the few constant durations; `now` never decreases between calls."""
        return _append(self._queues, delay_s, Timer(now + delay_s, call, arg))

    def linger(self, delay_s: float, now: float, call: Callable[[Any, float], None], arg: Any) -> Timer:
        """The same, where it does no harm to come `slack_s` late: what waits only to be forgotten."""
        return _append(self._lingering, delay_s, Timer(now + delay_s, call, arg))

    def next_timeout(self) -> float | None:
        """When `run` is due next, None where nothing waits."""
        heap = self._heap
        while heap and heap[0][2].call is None:
            heappop(heap)
        when = heap[0][0] if heap else None
        for queue in self._queues.values():
            head = _head(queue)
            if head is not None and (when is None or head.when < when):
                when = head.when
        for queue in self._lingering.values():
            head = _head(queue)
            if head is not None and (when is None or head.when + self._slack_s < when):
                when = head.when + self._slack_s
        return when

    def run(self, now: float) -> None:
        """Call all that is due at `now`, each once, the earliest first."""
        while (timer := self._pop_due(now)) is not None:
            call, arg = timer.call, timer.arg
            timer.cancel()
            if call is not None:
                call(arg, now)

    def _pop_due(self, now: float) -> Timer | None:
        first: deque[Timer] | None = None
        due = now
        for queue in (*self._queues.values(), *self._lingering.values()):
            head = _head(queue)
            if head is not None and (head.when < due or (first is None and head.when == due)):
                first, due = queue, head.when
        heap = self._heap
        while heap and heap[0][2].call is None:
            heappop(heap)
        if heap and heap[0][0] <= due:
            return heappop(heap)[2]
        return first.popleft() if first is not None else None

    def __len__(self) -> int:
        """How many timers still wait."""
        alive = sum(1 for _, _, timer in self._heap if timer.call is not None)
        queues = (*self._queues.values(), *self._lingering.values())
        return alive + sum(1 for queue in queues for timer in queue if timer.call is not None)


def _append(queues: dict[float, deque[Timer]], delay_s: float, timer: Timer) -> Timer:
    queue = queues.get(delay_s)
    if queue is None:
        queue = queues[delay_s] = deque()
    queue.append(timer)
    return timer


def _head(queue: deque[Timer]) -> Timer | None:
    """The first timer that was not cancelled."""
    while queue and queue[0].call is None:
        queue.popleft()
    return queue[0] if queue else None

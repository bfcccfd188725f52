"""A wire between stacks in virtual time: delays, losses and order are exactly what the test says."""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar

from sip.core import StackSettings
from sip.events import Event, ResolveNeeded
from sip.flow import Address, Flow
from sip.stack import Stack

E = TypeVar("E", bound=Event)


def counting_token(prefix: str) -> Callable[[], str]:
    """Tokens that are unique and the same in every run."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


class Station:
    """A stack on the wire, at an address. `events` gathers what it said and nobody took yet."""

    def __init__(self, wire: Wire, name: str, address: Address, settings: StackSettings | None = None) -> None:
        self.wire = wire
        self.name = name
        self.address = address
        self.events: list[Event] = []
        self.seen: list[tuple[float, str, bytes]] = []
        self.stack = Stack(token=counting_token(name), settings=settings, trace=self._trace)

    def _trace(self, now: float, way: str, flow: Flow, data: bytes) -> None:
        self.seen.append((now, way, data))

    def flow_to(self, other: Address) -> Flow:
        return Flow(self.name, "UDP", self.address, other)

    def take(self, kind: type[E]) -> E:
        """The next event, which must be of this kind."""
        assert self.events, f"{self.name} waits for {kind.__name__}, nothing happened"
        event = self.events.pop(0)
        assert isinstance(event, kind), f"{self.name} waits for {kind.__name__}, got {event}"
        return event


class Wire:
    """Joins stations. `loss` decides for each datagram whether it is lost: (sender, datagram, number) -> bool.

    `copies` gives how long each copy of a datagram flies beyond `delay_s`, in seconds: one copy at once by default.
    """

    def __init__(
        self,
        *,
        delay_s: float = 0.01,
        loss: Callable[[str, bytes, int], bool] | None = None,
        copies: Callable[[], tuple[float, ...]] = lambda: (0.0,),
    ) -> None:
        self.now = 0.0
        self.delay_s = delay_s
        self.copies = copies
        self.loss = loss or (lambda sender, data, number: False)
        self.ladder: list[str] = []
        self.mailboxes: dict[Address, list[tuple[float, bytes]]] = {}
        """What came for addresses where no stack listens, with times."""
        self._stations: dict[Address, Station] = {}
        self._flying: list[tuple[float, int, Address, Address, bytes]] = []
        self._numbers = count()
        self.resolvable: Callable[[str], bool] = lambda host: not host.endswith(".invalid")

    def station(self, name: str, address: Address, settings: StackSettings | None = None) -> Station:
        station = self._stations[address] = Station(self, name, address, settings)
        return station

    def inject(self, data: bytes, source: Address, to: Address) -> None:
        """A datagram out of nowhere."""
        heappush(self._flying, (self.now + self.delay_s, next(self._numbers), source, to, data))

    def settle(self, station: Station) -> None:
        """Send what the station wants sent, resolve what it wants resolved, gather its events."""
        while True:
            event = station.stack.next_event()
            if event is None:
                break
            if isinstance(event, ResolveNeeded):
                if self.resolvable(event.host):
                    flow = station.flow_to((event.host, event.port or 5060))
                    station.stack.resolved(event.query, flow, 3600.0, self.now)
                else:
                    station.stack.resolve_failed(event.query, self.now)
            else:
                station.events.append(event)
        for flow, data in station.stack.datagrams_to_send():
            number = next(self._numbers)
            lost = self.loss(station.name, data, number)
            line = data.split(b"\r\n", 1)[0].decode("utf-8", "replace")
            mark = " (lost)" if lost else ""
            self.ladder.append(f"{self.now:9.3f}  {station.name} -> {flow.remote[0]}:{flow.remote[1]}  {line}{mark}")
            for extra_s in () if lost else self.copies():
                due = self.now + self.delay_s + extra_s
                heappush(self._flying, (due, next(self._numbers), station.address, flow.remote, data))

    def run(self, until: float | None = None) -> None:
        """Let time pass until nothing is left to happen, or until a time."""
        while True:
            for station in list(self._stations.values()):
                self.settle(station)
            due = self._arrivals()
            for station in self._stations.values():
                timeout = station.stack.next_timeout()
                if timeout is not None:
                    due.append(timeout)
            if not due or (until is not None and min(due) > until):
                break
            self.now = max(self.now, min(due))
            self._deliver()
            for station in list(self._stations.values()):
                station.stack.handle_timeout(self.now)
        if until is not None:
            self.now = max(self.now, until)

    def _arrivals(self) -> list[float]:
        """When the next of what is on its way arrives."""
        return [self._flying[0][0]] if self._flying else []

    def _deliver(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, _, source, to, data = heappop(self._flying)
            station = self._stations.get(to)
            if station is None:
                if to in self.mailboxes:
                    self.mailboxes[to].append((self.now, data))
            else:
                station.stack.receive(data, station.flow_to(source), self.now)
                self.settle(station)

    def __str__(self) -> str:
        return "\n".join(self.ladder)


def random_loss(seed: int, rate: float) -> Callable[[str, bytes, int], bool]:
    """Loses a share of all datagrams, the same ones in every run."""
    rng = random.Random(seed)
    return lambda sender, data, number: rng.random() < rate


def random_copies(seed: int, duplicates: float, jitter_s: float) -> Callable[[], tuple[float, ...]]:
    """Doubles a share of all datagrams, and delays each copy by up to `jitter_s`, so that they overtake each other."""
    rng = random.Random(seed)

    def copies() -> tuple[float, ...]:
        return tuple(rng.random() * jitter_s for _ in range(2 if rng.random() < duplicates else 1))

    return copies

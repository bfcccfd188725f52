"""Stations that are joined by connections, in virtual time; the test breaks connections, and says who takes them."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from sip.core import StackSettings
from sip.events import ResolveNeeded
from sip.flow import Address, Flow
from tests.fakes.wire import Station, Wire

EPHEMERAL = 40_000


@dataclass(slots=True)
class Link:
    """A connection: the station and the flow of either end."""

    ends: tuple[tuple[Station, Flow], tuple[Station, Flow]]

    def other(self, station: Station) -> tuple[Station, Flow]:
        return self.ends[1] if self.ends[0][0] is station else self.ends[0]


class StreamWire(Wire):
    """TCP and UDP between stations; `takes_streams` names the addresses that accept connections (all by default)."""

    def __init__(self, *, delay_s: float = 0.01) -> None:
        super().__init__(delay_s=delay_s)
        self.links: dict[int, Link] = {}
        self.connects = 0
        self.takes_streams: set[Address] = set()
        self.transports: list[str] = []
        """By which transport each message went."""
        self._numbers_of_links = count(1)
        self._streams: list[tuple[float, int, int, Station, bytes]] = []

    def station(self, name: str, address: Address, settings: StackSettings | None = None) -> Station:
        self.takes_streams.add(address)
        return super().station(name, address, settings)

    # -- connections

    def connect(self, station: Station, to: Address) -> Flow | None:
        """The connection that a station made to another before, or a new one; None where nobody takes it."""
        other = self._stations.get(to)
        for number, link in self.links.items():
            if link.ends[0][0] is station and link.ends[0][1].remote == to:
                return self.links[number].ends[0][1]
        self.connects += 1
        if other is None or to not in self.takes_streams:
            return None
        number = next(self._numbers_of_links)
        near = Flow("tcp", "TCP", station.address, to, number)
        far = Flow("tcp", "TCP", to, (station.address[0], EPHEMERAL + number), number)
        self.links[number] = Link(((station, near), (other, far)))
        station.stack.flow_opened(near, self.now)
        other.stack.flow_opened(far, self.now)
        return near

    def cut(self, number: int) -> None:
        """A connection breaks; what is on the way is lost, both ends are told."""
        link = self.links.pop(number)
        for station, flow in link.ends:
            station.stack.flow_closed(flow, self.now)
            self.settle(station)

    # -- messages

    def settle(self, station: Station) -> None:
        while (event := station.stack.next_event()) is not None:
            if isinstance(event, ResolveNeeded):
                self._resolve(station, event)
            else:
                station.events.append(event)
        for flow, data in station.stack.datagrams_to_send():
            line = data.split(b"\r\n", 1)[0].decode("utf-8", "replace")
            self.ladder.append(f"{self.now:9.3f}  {station.name} -> {flow.source} {flow.transport}  {line}")
            self.transports.append(flow.transport)
            due = self.now + self.delay_s
            if flow.connection is None:
                heappush(self._flying, (due, next(self._numbers), station.address, flow.remote, data))
            elif flow.connection in self.links:
                heappush(self._streams, (due, next(self._numbers), flow.connection, station, data))
            else:
                station.stack.flow_closed(flow, self.now)

    def _resolve(self, station: Station, event: ResolveNeeded) -> None:
        address = (event.host, event.port or 5060)
        flow = station.flow_to(address) if event.transport == "UDP" else self.connect(station, address)
        if flow is None:
            station.stack.resolve_failed(event.query, self.now)
        else:
            station.stack.resolved(event.query, flow, 3600.0, self.now)

    def _arrivals(self) -> list[float]:
        return [*super()._arrivals(), *([self._streams[0][0]] if self._streams else [])]

    def _deliver(self) -> None:
        super()._deliver()
        while self._streams and self._streams[0][0] <= self.now:
            _, _, number, sender, data = heappop(self._streams)
            link = self.links.get(number)
            if link is not None:
                station, flow = link.other(sender)
                station.stack.receive(data, flow, self.now)
                self.settle(station)

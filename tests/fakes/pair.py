"""Two stacks on a wire in virtual time: Ann calls Ben."""

from __future__ import annotations

from typing import TypeVar

from sip.commands import Bye, Respond, SendInvite
from sip.core import StackSettings
from sip.events import (
    AckReceived,
    ByeReceived,
    Event,
    InviteAnswered,
    InviteProgress,
    InviteReceived,
    ResponseReceived,
)
from sip.flow import Target
from sip.message import Request, Response
from sip.parser import parse_message
from tests.fakes.wire import Station, Wire

E = TypeVar("E", bound=Event)
SDP = b"v=0\r\n"
DELAY_S = 0.01


class Pair:
    """Ann (10.0.0.1) and Ben (10.0.0.2)."""

    def __init__(
        self, settings: StackSettings | None = None, *, wire: Wire | None = None, transport: str = "UDP"
    ) -> None:
        self.wire = wire or Wire(delay_s=DELAY_S)
        self._transport = transport
        self.ann = self.wire.station("ann", ("10.0.0.1", 5060))
        self.ben = self.wire.station("ben", ("10.0.0.2", 5060), settings)

    def run(self, seconds: float = 0.1) -> None:
        self.wire.run(self.wire.now + seconds)

    def lose(self, start: bytes, times: int = 1000) -> None:
        """Lose the next datagrams that begin like this."""
        left = [times]

        def loss(sender: str, data: bytes, number: int) -> bool:
            if left[0] and data.startswith(start):
                left[0] -= 1
                return True
            return False

        self.wire.loss = loss

    def invite(self, body: bytes = SDP) -> int:
        """Ann calls Ben."""
        return self.ann.stack.send(
            SendInvite(
                target=Target("10.0.0.2", transport=self._transport),
                uri="sip:ben@10.0.0.2",
                from_="<sip:ann@10.0.0.1>",
                to="<sip:ben@10.0.0.2>",
                contact_user="ann",
                body=body,
            ),
            self.wire.now,
        )

    def ring(self) -> tuple[int, int]:
        """A call that rings: the usages of Ann and of Ben."""
        ann = self.invite()
        self.run()
        ben = self.expect(self.ben, InviteReceived).usage
        self.ben.stack.send(Respond(usage=ben, status=180), self.wire.now)
        self.run()
        self.expect(self.ann, InviteProgress)
        return ann, ben

    def up(self) -> tuple[int, int]:
        """A call that is up."""
        ann, ben = self.ring()
        self.answer(ben)
        self.run()
        self.expect(self.ann, InviteAnswered)
        self.expect(self.ben, AckReceived)
        return ann, ben

    def answer(self, usage: int, body: bytes = SDP) -> None:
        self.ben.stack.send(Respond(usage=usage, status=200, body=body), self.wire.now)

    def expect(self, station: Station, kind: type[E]) -> E:
        return station.take(kind)

    def final(self, station: Station) -> ResponseReceived:
        """The final answer to a request of the station's."""
        while True:
            event = station.take(ResponseReceived)
            if event.response.status >= 200:
                return event

    def count(self, start: str, sender: Station) -> int:
        """How many messages of a station begin like this."""
        return sum(1 for _, way, data in sender.seen if way == "out" and data.startswith(start.encode()))

    def times(self, start: str, sender: Station) -> list[float]:
        return [round(at, 3) for at, way, data in sender.seen if way == "out" and data.startswith(start.encode())]

    def last(self, start: str, sender: Station) -> Request | Response:
        found = [data for _, way, data in sender.seen if way == "out" and data.startswith(start.encode())]
        assert found, f"no {start}\n{self.wire}"
        return parse_message(found[-1])

    def settled(self) -> None:
        """Nothing is left on either side, and nobody was told anything that the test did not take."""
        self.wire.run(self.wire.now + 200)
        for station in (self.ann, self.ben):
            assert set(station.stack.census().values()) == {0}, f"{station.name} {station.stack.census()}\n{self.wire}"
            assert not station.events, f"{station.name}: {station.events}\n{self.wire}"

    def end(self, usage: int) -> None:
        self.ann.stack.send(Bye(usage=usage), self.wire.now)
        self.run()
        self.expect(self.ben, ByeReceived)
        self.settled()

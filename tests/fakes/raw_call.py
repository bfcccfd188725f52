"""A call out through the server by a carrier that writes its SIP by hand, for exchanges at odd moments."""

from __future__ import annotations

import asyncio

from pbx.cdr import Cdr
from sip.commands import Respond
from sip.events import AckReceived, InviteReceived
from sip.message import Response
from tests.fakes.demo import demo_snapshot
from tests.fakes.raw_line import raw_peer
from tests.fakes.switchboard import Switchboard, sdp

CARRIER = ("10.0.1.1", 5060)
SDP = sdp(CARRIER[0], 4000)


class RawCall:
    """A carrier that writes by hand calls out through the server; `far` is the phone that rings there."""

    def __init__(self) -> None:
        self.board = Switchboard(demo_snapshot())
        self.raw = raw_peer(self.board, CARRIER)
        self.far = self.board.phone("load-out", "10.0.2.1")
        self.incoming = 0

    async def ask(
        self, method: str, cseq: int, *headers: str, body: bytes = b"", via: str | None = None, number: str = "9001"
    ) -> str:
        """Send a request, within the dialog once there is one."""
        tag = None if method == "INVITE" and cseq == 1 else self.answer().to_tag
        via = self.raw.ask(method, cseq, *headers, to_tag=tag, body=body, via=via, uri=f"sip:{number}@10.0.0.1")
        await asyncio.sleep(0.1)
        return via

    def answer(self, method: str = "INVITE") -> Response:
        return self.raw.last_answer(method)

    def statuses(self, cseq: int) -> list[int]:
        """Answers to the INVITE of a number."""
        heard = [one for one in self.raw.heard if isinstance(one, Response)]
        return [one.status for one in heard if one.cseq.method == "INVITE" and one.cseq.number == cseq]

    async def ring(self, *headers: str, body: bytes = SDP) -> str:
        via = await self.ask("INVITE", 1, *headers, body=body)
        self.incoming = (await self.far.expect(InviteReceived)).usage
        self.far.send(Respond(usage=self.incoming, status=180))
        await asyncio.sleep(0.1)
        return via

    async def early(self) -> int:
        """Sound before the answer; the number of our reliable response."""
        self.far.send(Respond(usage=self.incoming, status=183, body=self.far.sdp))
        await asyncio.sleep(0.1)
        rseq = self.answer().rseq
        assert rseq is not None, str(self.board)
        return rseq

    async def pick_up(self, *headers: tuple[str, str]) -> None:
        self.far.send(Respond(usage=self.incoming, status=200, body=self.far.sdp, headers=headers))
        await self.far.expect(AckReceived)
        await self.ask("ACK", 1)

    async def up(self, *headers: str, body: bytes = SDP) -> None:
        await self.ring(*headers, body=body)
        await self.pick_up()

    async def end(self, cseq: int = 99) -> Cdr:
        await self.ask("BYE", cseq)
        assert self.answer("BYE").status == 200
        (record,) = await self.board.settled()
        assert (record.result, record.reason) == ("answered", "normal"), str(self.board)
        return record

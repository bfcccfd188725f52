"""A stack and a peer that writes by hand, on a wire in virtual time."""

from __future__ import annotations

from sip.commands import Bye, Respond, SendInDialog, SendInvite
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteReceived,
)
from sip.flow import Target
from sip.message import Request
from tests.fakes.raw_peer import RawPeer
from tests.fakes.wire import Station, Wire

SDP = b"v=0\r\n"


class Line:
    """A stack (Ann at 10.0.0.1) and a peer by hand (10.0.0.2), on a wire."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.ann: Station = self.wire.station("ann", ("10.0.0.1", 5060))
        self.peer = RawPeer(self.wire, ("10.0.0.2", 5060), self.ann.address)

    def another(self, host: str) -> RawPeer:
        return RawPeer(self.wire, (host, 5060), self.ann.address)

    def pass_time(self, seconds: float = 0.1) -> None:
        self.wire.run(self.wire.now + seconds)

    def invite(self, *, pinned: bool = False, host: str = "10.0.0.2") -> int:
        usage = self.ann.stack.send(
            SendInvite(
                target=self.ann.flow_to((host, 5060)) if pinned else Target(host),
                uri=f"sip:raw@{host}",
                from_="<sip:ann@10.0.0.1>",
                to=f"<sip:raw@{host}>",
                contact_user="ann",
                body=SDP,
            ),
            self.wire.now,
        )
        self.pass_time()
        return usage

    def asked(self) -> Request:
        return self.peer.requests("INVITE")[-1]

    def call_out(self, *headers: str, contact: str = "", pinned: bool = False) -> int:
        """Ann calls, the peer answers."""
        usage = self.invite(pinned=pinned)
        self.peer.reply(self.asked(), 200, *headers, body=SDP, contact=contact)
        self.ann.take(InviteAnswered)
        return usage

    def call_in(self, *headers: str, contact: str | None = None, via: str | None = None, ack: bool = True) -> int:
        """The peer calls, Ann answers."""
        self.peer.ask("INVITE", 1, *headers, contact=contact, via=via, body=SDP)
        event = self.ann.take(InviteReceived)
        assert isinstance(event, InviteReceived)
        self.answer(event.usage)
        if ack:
            self.peer.ask("ACK", 1, to_tag=self.tag)
            self.ann.take(AckReceived)
        return event.usage

    def answer(self, usage: int) -> None:
        self.ann.stack.send(Respond(usage=usage, status=200, body=SDP), self.wire.now)
        self.pass_time()

    @property
    def tag(self) -> str:
        """Ann's tag, as she answered the peer's INVITE."""
        return self.peer.last_answer("INVITE").to_tag or ""

    def hang_up(self, usage: int) -> None:
        self.ann.stack.send(Bye(usage=usage), self.wire.now)
        self.pass_time()

    def send_within(self, usage: int, method: str, body: bytes = b"") -> int:
        number = self.ann.stack.send(SendInDialog(usage=usage, method=method, body=body), self.wire.now)
        self.pass_time()
        return number

    def settled(self) -> None:
        self.wire.run(self.wire.now + 100)
        assert set(self.ann.stack.census().values()) == {0}, f"{self.ann.stack.census()}\n{self.wire}"

    def end_by_peer(self, cseq: int = 100) -> None:
        self.peer.ask("BYE", cseq, to_tag=self.tag)
        assert self.peer.answers("BYE")[-1] == 200, str(self.wire)
        self.ann.take(ByeReceived)
        self.settled()

"""A peer that writes its SIP by hand, for all that a well-behaved stack would not send."""

from __future__ import annotations

from typing import Protocol

from sip.flow import Address
from sip.message import Request, Response
from sip.parser import parse_message


class Medium(Protocol):
    """What carries the messages: a wire between stacks, or the network of a switchboard."""

    @property
    def now(self) -> float: ...
    @property
    def mailboxes(self) -> dict[Address, list[tuple[float, bytes]]]: ...
    def inject(self, data: bytes, source: Address, to: Address) -> None: ...
    def run(self, until: float) -> None: ...


class RawPeer:
    """An address on a wire; `heard` is what came to it. It says exactly what it is told to."""

    def __init__(self, wire: Medium, address: Address, toward: Address) -> None:
        self.wire = wire
        self.address = address
        self.toward = toward
        self.tag = "raw"
        self.call_id = "rawcall"
        self._box = wire.mailboxes[address] = []
        self._branches = 0

    # -- in

    @property
    def heard(self) -> list[Request | Response]:
        return [parse_message(data) for _, data in self._box]

    def requests(self, method: str) -> list[Request]:
        return [one for one in self.heard if isinstance(one, Request) and one.method == method]

    def answers(self, method: str) -> list[int]:
        """Statuses of the answers to our requests of a method."""
        return [one.status for one in self.heard if isinstance(one, Response) and one.cseq.method == method]

    def last_answer(self, method: str) -> Response:
        found = [one for one in self.heard if isinstance(one, Response) and one.cseq.method == method]
        assert found, f"no answer to {method}\n{self.wire}"
        return found[-1]

    def times(self, start: str) -> list[float]:
        """When messages came that begin like this."""
        return [round(at, 3) for at, data in self._box if data.startswith(start.encode())]

    # -- out

    def send(self, text: str, body: bytes = b"") -> None:
        """Lines with plain line ends; Content-Length is added."""
        lines = [line.strip() for line in text.strip().splitlines()]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        self.wire.inject(head.encode() + body, self.address, self.toward)
        self.wire.run(self.wire.now + 0.1)

    def ask(
        self,
        method: str,
        cseq: int,
        *headers: str,
        to_tag: str | None = None,
        body: bytes = b"",
        via: str | None = None,
        contact: str | None = None,
        uri: str = "sip:ann@10.0.0.1",
    ) -> str:
        """Send a request; returns its Via row, to send it again or to cancel it."""
        self._branches += 1
        host, port = self.address
        via = via or f"SIP/2.0/UDP {host}:{port};branch=z9hG4bKraw{self._branches}"
        tag = "" if to_tag is None else f";tag={to_tag}"
        rows = [
            f"{method} {uri} SIP/2.0",
            f"Via: {via}",
            f"From: <sip:raw@{host}>;tag={self.tag}",
            f"To: <sip:ann@10.0.0.1>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
        ]
        if method in ("INVITE", "UPDATE"):
            rows.append(f"Contact: {contact or f'<sip:raw@{host}:{port}>'}")
        if body and not any(row.lower().startswith("content-type") for row in headers):
            rows.append("Content-Type: application/sdp")
        self.send("\n".join([*rows, *headers]), body)
        return via

    def reply(
        self,
        request: Request,
        status: int,
        *headers: str,
        tag: str | None = "raw",
        body: bytes = b"",
        contact: str = "",
    ) -> None:
        """Answer a request that came."""
        source = request.headers
        to = source.get("to") or ""
        if tag is not None and request.to_tag is None:
            to += f";tag={tag}"
        rows = [f"SIP/2.0 {status} x", *(f"Via: {via}" for via in source.get_all("via"))]
        rows += [
            f"From: {source.get('from')}",
            f"To: {to}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {source.get('cseq')}",
        ]
        if request.method in ("INVITE", "UPDATE") and 100 < status < 300:
            rows.append(f"Contact: {contact or f'<sip:raw@{self.address[0]}:{self.address[1]}>'}")
        if body:
            rows.append("Content-Type: application/sdp")
        self.send("\n".join([*rows, *headers]), body)

"""A scripted phone on a real UDP socket, for what SIPp cannot say: late, doubled and crossing messages."""

from __future__ import annotations

import secrets
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sip.commands import Bye, Cancel, Command, Respond, SendInvite, SendRequest
from sip.digest import authorization, parse_challenge
from sip.events import Event, InviteAnswered, InviteFailed, InviteReceived, ResolveNeeded, ResponseReceived
from sip.flow import Flow
from sip.message import Response
from sip.stack import Stack
from tests.e2e.rtp_stream import RtpStream
from tests.e2e.server import Server
from tests.e2e.wait import TooLate

E = TypeVar("E", bound=Event)


class ScriptPhone:
    """Its stack and sockets are real, its user is the test. What it sent and got is kept as bytes."""

    def __init__(self, server: Server, port: int, extension: str, password: str | None = None) -> None:
        self.extension = extension
        self.address = (server.host, port)
        self.domain = f"{server.host}:{server.port}"
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.events: list[Event] = []
        self.rtp = RtpStream(server.host)
        self._password = f"demo-{extension}" if password is None else password
        self._flow = Flow("phone", "UDP", self.address, (server.host, server.port))
        self._stack = Stack(token=lambda: secrets.token_hex(8))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.address)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._registration = (secrets.token_hex(8), 0)

    def close(self) -> None:
        """Pull the plug: the ports are closed, nobody is told."""
        self.rtp.close()
        self._selector.close()
        self._socket.close()

    # -- wire

    def pump(self, timeout_s: float = 0.0) -> None:
        """Take what came within a time, do what is due, send what is to be sent."""
        now = time.monotonic()
        due = self._stack.next_timeout()
        wait_s = timeout_s if due is None else max(0.0, min(timeout_s, due - now))
        self._selector.select(wait_s)
        with suppress(BlockingIOError):
            while True:
                data = self._socket.recv(65535)
                self.received.append(data)
                self._stack.receive(data, self._flow, time.monotonic())
        self._stack.handle_timeout(time.monotonic())
        self._flush()

    def _flush(self) -> None:
        while (event := self._stack.next_event()) is not None:
            if isinstance(event, ResolveNeeded):
                self._stack.resolved(event.query, self._flow, 60.0, time.monotonic())
            else:
                self.events.append(event)
        for flow, data in self._stack.datagrams_to_send():
            self.send_raw(data, flow)

    def send_raw(self, data: bytes, flow: Flow | None = None) -> None:
        """Send bytes as they are."""
        self.sent.append(data)
        with suppress(ConnectionRefusedError):  # told of an earlier datagram, while the server was down
            self._socket.sendto(data, (flow or self._flow).remote)

    def send(self, command: Command) -> int:
        number = self._stack.send(command, time.monotonic())
        self._flush()
        return number

    def pump_until(self, condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        """Go on until a condition holds. Raises TooLate."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TooLate(f"{self.extension} waited {timeout_s:g} s in vain: {what}\n{self.report()}")
            # Not longer at a time: the condition may be about something else than what this phone gets.
            self.pump(min(left_s, 0.05))

    def expect(self, kind: type[E], timeout_s: float = 20.0) -> E:
        """The next event of a kind, leaving out others before it. Raises TooLate."""

        def place() -> int | None:
            return next((n for n, event in enumerate(self.events) if isinstance(event, kind)), None)

        self.pump_until(lambda: place() is not None, kind.__name__, timeout_s)
        at = place()
        assert at is not None
        event = self.events[at]
        del self.events[: at + 1]
        assert isinstance(event, kind)
        return event

    def expect_bytes(self, start: bytes, count: int = 1) -> list[bytes]:
        """Every datagram so far that begins with `start`, once there are `count` of them. Raises TooLate."""

        def found() -> list[bytes]:
            return [data for data in self.received if data.startswith(start)]

        self.pump_until(lambda: len(found()) >= count, f"{count} x {start!r}")
        return found()

    def report(self) -> str:
        heads = [data.split(b"\r\n", 1)[0].decode("utf-8", "replace") for data in self.received]
        return f"{self.extension} at {self.address} received:\n  " + "\n  ".join(heads)

    # -- what a user does

    def register(self, expires_s: int = 300, *, headers: tuple[tuple[str, str], ...] | None = None) -> Response:
        """Register with digest; the final answer. `headers` stand in for Contact and Expires."""
        if headers is None:
            contact = f"<sip:{self.extension}@{self.address[0]}:{self.address[1]}>"
            headers = (("contact", contact), ("expires", str(expires_s)))
        answer = self._ask_to_register(headers)
        if answer.status != 401:
            return answer
        return self._ask_to_register((*headers, self._credentials(answer, "REGISTER", f"sip:{self.domain}")))

    def _ask_to_register(self, headers: tuple[tuple[str, str], ...]) -> Response:
        call_id, cseq = self._registration
        self._registration = (call_id, cseq + 1)
        self.send(
            SendRequest(
                target=self._flow,
                method="REGISTER",
                uri=f"sip:{self.domain}",
                from_=f"<sip:{self.extension}@{self.domain}>",
                to=f"<sip:{self.extension}@{self.domain}>",
                headers=headers,
                call_id=call_id,
                cseq=cseq + 1,
            )
        )
        return self.expect(ResponseReceived).response

    def _credentials(self, answer: Response, method: str, uri: str) -> tuple[str, str]:
        challenge = parse_challenge(answer.headers.get_all("www-authenticate")[0])
        value = authorization(challenge, method, uri, self.extension, self._password, 1, secrets.token_hex(4))
        return ("authorization", value)

    @property
    def sdp(self) -> bytes:
        """Its session description: G.711 at the port of its stream."""
        host, port = self.rtp.address
        lines = ("v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP 0 8")
        return "\r\n".join((*lines, "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "")).encode()

    def invite(self, number: str) -> int:
        """Call a number with digest; the usage of the INVITE that carries credentials."""
        uri = f"sip:{number}@{self.domain}"
        self._invite(uri, ())
        failed = self.expect(InviteFailed)
        assert failed.status == 401, failed
        assert failed.response is not None
        return self._invite(uri, (self._credentials(failed.response, "INVITE", uri),))

    def invite_as_peer(self, number: str) -> int:
        """Call a number as a trunk does, which is known by its address alone; the usage of the INVITE."""
        return self._invite(f"sip:{number}@{self.domain}", ())

    def _invite(self, uri: str, headers: tuple[tuple[str, str], ...]) -> int:
        return self.send(
            SendInvite(
                target=self._flow,
                uri=uri,
                from_=f"<sip:{self.extension}@{self.domain}>",
                to=f"<{uri}>",
                contact_user=self.extension,
                body=self.sdp,
                headers=headers,
            )
        )

    def ringing(self) -> InviteReceived:
        """Wait for a call and ring."""
        invite = self.expect(InviteReceived)
        self.send(Respond(usage=invite.usage, status=180))
        return invite

    def answer(self, invite: InviteReceived) -> None:
        self.send(Respond(usage=invite.usage, status=200, body=self.sdp))
        self.rtp.send_to(media_address(invite.request.body))

    def hear_answer(self) -> None:
        """Wait for the 2xx and begin to send sound."""
        self.rtp.send_to(media_address(self.expect(InviteAnswered).response.body))

    def hang_up(self, usage: int) -> None:
        self.send(Bye(usage=usage))

    def cancel(self, usage: int) -> None:
        self.send(Cancel(usage=usage))


def talk(ann: ScriptPhone, ben: ScriptPhone) -> tuple[int, int]:
    """Let one phone call the other and both send sound; the usages of both."""
    usage = ann.invite(ben.extension)
    incoming = ben.ringing()
    ben.answer(incoming)
    ann.hear_answer()
    ben.expect_bytes(b"ACK ")
    return usage, incoming.usage


def media_address(body: bytes) -> tuple[str, int]:
    """Where a session description wants its audio."""
    lines = body.decode().splitlines()
    host = next(line.split()[2] for line in lines if line.startswith("c="))
    port = next(line.split()[1] for line in lines if line.startswith("m=audio"))
    return host, int(port)

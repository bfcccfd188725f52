"""The sans-I/O SIP stack: bytes and times in, events and bytes out."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from sip.commands import Ack, Bye, Cancel, Command, Prack, Respond, SendInDialog, SendInvite, SendRequest
from sip.core import REASONS, Core, StackSettings, Trace
from sip.errors import MalformedHeader, MalformedMessage
from sip.events import Event
from sip.flow import Address, Flow
from sip.framing import FramingError
from sip.grammar import parse_list
from sip.headers import Headers
from sip.message import Request, Response
from sip.parser import parse_message, validate
from sip.transaction import Transaction
from sip.uac import UserAgentClient
from sip.uas import UserAgentServer


class Stack:
    """One SIP node: transactions, dialogs and usages over any number of flows.

    It has no clock and no socket: `now` is a monotonic time in seconds that never decreases, `token` gives
    unguessable text for tags, branches and Call-IDs. After each call take `next_event` until it gives None,
    and send what `datagrams_to_send` gives.
    """

    def __init__(
        self, *, token: Callable[[], str], settings: StackSettings | None = None, trace: Trace | None = None
    ) -> None:
        self._core = Core(settings or StackSettings(), token, self, trace)
        self._client = UserAgentClient(self._core)
        self._server = UserAgentServer(self._core, self._client)
        self.malformed = 0
        """Messages that could not be understood."""
        self.strays = 0
        """Responses that belong to no transaction."""

    @property
    def busy(self) -> bool:
        """Whether new calls are refused with 503 before anything is done for them; the user sets it."""
        return self._core.busy

    @busy.setter
    def busy(self, value: bool) -> None:
        self._core.busy = value

    @property
    def shed(self) -> int:
        """How many calls were refused while busy."""
        return self._server.shed

    # -- in

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One message from the wire. Never raises for anything that a peer can send."""
        core = self._core
        core.now = now
        if not data.strip(b"\r\n\0 "):
            return  # RFC 5626 §4.4.1: a keep-alive
        if core.trace is not None:
            core.trace(now, "in", flow, data)
        try:
            message = parse_message(data)
            validate(message)
            if isinstance(message, Request):
                _stamp_source(message, flow)
                self._server.take(message, flow, now)
            else:
                self._take_response(message, now)
        except MalformedMessage as error:
            self.malformed += 1
            self._answer_malformed(error, flow)
            # Its frames refer to it and the message: without this each such message would leave cyclic garbage.
            error.__traceback__ = error.__context__ = error.__cause__ = error.request = None

    def _take_response(self, response: Response, now: float) -> None:
        if not self._core.layer.take_response(response, now):
            self.strays += 1

    def _answer_malformed(self, error: MalformedMessage, flow: Flow) -> None:
        """A stateless answer (RFC 3261 §8.2.7), where enough could be read to address one."""
        request = error.request
        if not isinstance(request, Request) or request.method == "ACK":
            return
        headers = Headers()
        source = request.headers
        if source.get("via") is None or source.get("cseq") is None:
            return
        try:
            _stamp_source(request, flow)
        except MalformedHeader:
            return
        for via in source.get_all("via"):
            headers.add("via", via)
        for name in ("from", "to", "call-id", "cseq"):
            headers.add(name, source.get(name) or "")
        to = headers.get("to") or ""
        if ";tag=" not in to.lower():
            # RFC 3261 §8.2.7: the same tag for a retransmission, though nothing is remembered of the request.
            headers.set("to", [f"{to};tag={crc32(''.join(source.get_all('via')).encode('utf-8', 'replace')):08x}"])
        text = f"{REASONS.get(error.status, 'Bad Request')} ({error.where})" if error.status == 400 else None
        self._core.transmit(
            flow, Response(error.status, _one_line(text) or REASONS.get(error.status, ""), headers, b"").encode()
        )

    def flow_failed(self, remote: Address, now: float) -> None:
        """The transport reports that a UDP peer cannot be reached (an ICMP error)."""
        self._core.now = now
        self._core.layer.fail_flow(remote, now)

    def flow_opened(self, flow: Flow, now: float) -> None:
        """A connection came up; messages over it carry this flow."""
        self._core.now = now
        self._core.routes.opened(flow)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection is gone: what awaited an answer over it fails (RFC 3261 §18.4); others find a new one."""
        self._core.now = now
        if flow.connection is not None:
            self._core.routes.closed(flow)
            self._core.layer.fail_connection(flow.connection, now)

    def refuse_unframed(self, error: FramingError, flow: Flow, now: float) -> None:
        """Answer a message of a stream whose end nobody can find; its connection is closed after that."""
        core = self._core
        core.now = now
        self.malformed += 1
        if not error.head:
            return
        if core.trace is not None:
            core.trace(now, "in", flow, error.head)
        try:
            request: object = parse_message(error.head)
        except MalformedMessage as fault:
            request = fault.request
        self._answer_malformed(MalformedMessage(error.reason, "framing", error.status, request), flow)

    def resolved(self, query: int, flow: Flow, ttl_s: float, now: float) -> None:
        """The answer to `ResolveNeeded`: the flow to use, and for how long it may be remembered."""
        self._core.now = now
        self._core.routes.resolved(query, flow, ttl_s, now)

    def resolve_failed(self, query: int, now: float) -> None:
        """The name of `ResolveNeeded` has no address."""
        self._core.now = now
        self._core.routes.resolved(query, None, 0.0, now)

    # -- the user's side

    def send(self, command: Command, now: float) -> int:
        """Carry out a command. Returns the number of the usage (SendInvite) or transaction that it made or answered,
        0 for other commands and for a `Respond` that came too late: the far end had gone.

        Raises LocalError for what SIP does not allow at this point; nothing was sent then.
        """
        self._core.now = now
        match command:
            case Respond():
                return self._server.respond(command, now)
            case SendInvite():
                return self._client.invite(command, now)
            case Bye():
                if not self._server.withdraw(command, now):
                    self._client.bye(command, now)
            case Prack():
                self._client.prack(command, now)
            case Cancel():
                self._client.cancel(command, now)
            case Ack():
                self._client.acknowledge(command, now)
            case SendInDialog():
                return self._client.within(command, now)
            case SendRequest():
                return self._client.request(command, now)
        return 0

    def dialog_state(self, usage: int) -> dict[str, object] | None:
        """A usage's dialog as plain data for a checkpoint, None where it has none."""
        found = self._core.usages.get(usage)
        return found.dialog.state() if found is not None and found.dialog is not None else None

    def holds_answer(self, usage: int) -> bool:
        """Whether a 2xx that was given to `send` waits for a PRACK (RFC 3262 §3); `AnswerSent` follows."""
        return self._server.holds_answer(usage)

    @property
    def retransmissions(self) -> tuple[int, int]:
        """Messages that we sent again, and requests that peers sent again."""
        layer = self._core.layer
        return layer.resent, layer.absorbed

    # -- out

    def next_event(self) -> Event | None:
        events = self._core.events
        return events.popleft() if events else None

    def datagrams_to_send(self) -> list[tuple[Flow, bytes]]:
        """All messages to put on their flows, in order; they are given once."""
        self._server.try_unanswered()
        outbox = self._core.outbox
        if not outbox:
            return []
        messages = list(outbox)
        outbox.clear()
        return messages

    # -- time

    def next_timeout(self) -> float | None:
        return self._core.timers.next_timeout()

    def handle_timeout(self, now: float) -> None:
        self._core.now = now
        self._core.timers.run(now)

    def census(self) -> dict[str, int]:
        """How much of everything lives: a stack at rest shows zeros."""
        core = self._core
        return {
            "transactions": len(core.layer.table),
            "usages": len(core.usages),
            "dialogs": len(core.dialogs),
            "timers": len(core.timers),
            "requests": len(core.served),
            "lookups": core.routes.lookups,
            "merged": self._server.merged,
        }

    # -- what the transaction layer reports

    def on_response(self, tx: Transaction, response: Response, now: float) -> None:
        self._client.on_response(tx, response, now)

    def on_stray_ack(self, tx: Transaction, ack: Request, now: float) -> None:
        self._server.accepted.acknowledge(ack, now)

    def on_client_failure(self, tx: Transaction, status: int, cause: str, now: float) -> None:
        self._client.on_failure(tx, status, cause)

    def on_server_done(self, tx: Transaction, now: float) -> None:
        self._server.forget_merged(tx)


def _stamp_source(request: Request, flow: Flow) -> None:
    """Write `received` and `rport` into the top Via (RFC 3261 §18.2.1, RFC 3581 §4)."""
    via = request.top_via
    host, port = flow.remote
    stamped = via
    if via.wants_rport:
        stamped = stamped.with_param("rport", str(port)).with_param("received", host)
    elif via.host != host:
        stamped = stamped.with_param("received", host)
    if stamped is via:
        return
    rows = request.headers.get_all("via")
    rest = parse_list(rows[0])[1:] if "," in rows[0] else []
    request.headers.set("via", [str(stamped), *rest, *rows[1:]])


def _one_line(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())

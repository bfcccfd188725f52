"""The user agent server (RFC 3261 §8.2, §12.2.2, §13.3, §15.1.2): requests in, answers out."""

from __future__ import annotations

from dataclasses import replace

from sip.accepted import AcceptedAnswers
from sip.body import UnsupportedBody, session_description
from sip.commands import SDP, Bye, Respond
from sip.core import ACCEPT, ALLOW, Core
from sip.dialog import Dialog, answered_dialog
from sip.errors import LocalError, MalformedHeader
from sip.events import (
    AnswerSent,
    ByeReceived,
    DialogRequest,
    InviteCancelled,
    InviteReceived,
    PrackReceived,
    ReinviteReceived,
    RequestReceived,
    UpdateReceived,
)
from sip.flow import Flow
from sip.interval import MIN_SE_S
from sip.message import Request
from sip.offer_answer import Carrier, Glare, Role
from sip.reliable import ReliableResponses
from sip.transaction import State, Transaction
from sip.transaction_layer import server_key
from sip.uac import UserAgentClient
from sip.uri import SipUri
from sip.usage import InviteUsage, Phase, ServedRequest

CHALLENGES = frozenset({401, 407})
"""Answered without state: requests that nobody vouches for take no memory, and draw one answer, not twelve."""


class UserAgentServer:
    """The answering side of a stack."""

    def __init__(self, core: Core, client: UserAgentClient) -> None:
        self._core = core
        self._client = client
        self._merged: dict[tuple[str, str | None, int], int] = {}
        self._unanswered: list[InviteUsage] = []
        self.shed = 0
        self._reliable = ReliableResponses(core, self._refuse_usage)
        self._timers = client.session_timers
        self.accepted = AcceptedAnswers(core, client.bye)

    @property
    def merged(self) -> int:
        """How many INVITEs a double of which would be merged."""
        return len(self._merged)

    # -- requests in

    def take(self, request: Request, flow: Flow, now: float) -> None:
        """A request from the wire, its Via already stamped with `received` and `rport`."""
        key = server_key(request)
        layer = self._core.layer
        if layer.absorb_request(request, key, now):
            return
        method = request.method
        if method == "ACK":
            self.accepted.acknowledge(request, now)
            return
        if self._core.busy and method == "INVITE" and request.to_tag is None:
            self._shed(request, flow)
            return
        tx = layer.start_server(request, reply_flow(request, flow), key)
        if method == "CANCEL":
            self._cancel(tx, request, now)
            return
        unsupported = [tag for tag in request.require if tag.lower() not in self._core.settings.supported]
        if unsupported:
            # RFC 3261 §8.2.2.3.
            self._refuse(tx, request, 420, now, (("unsupported", ", ".join(unsupported)),))
        elif request.to_tag is not None:
            self._within_dialog(tx, request, flow, now)
        elif method == "INVITE":
            self._invite(tx, request, flow, now)
        elif method == "BYE" or method == "UPDATE" or method == "PRACK":
            self._refuse(tx, request, 481, now)
        else:
            self._core.served[tx.ident] = ServedRequest(tx=tx, request=request, usage=None, carrier=None)
            self._core.events.append(RequestReceived(tx.ident, request, flow))

    def _shed(self, request: Request, flow: Flow) -> None:
        """503 without state (RFC 3261 §8.2.7): those who are served already shall not wait for those who are not."""
        self.shed += 1
        response = self._core.response(request, 503, None, self._core.token())
        response.headers.add("retry-after", str(self._core.settings.retry_after_s))
        self._core.transmit(reply_flow(request, flow), response.encode())

    def _refuse(
        self, tx: Transaction, request: Request, status: int, now: float, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        response = self._core.response(request, status, None, self._core.token())
        for name, value in headers:
            response.headers.add(name, value)
        self._core.layer.respond(tx, status, response.encode(), now)

    def _invite(self, tx: Transaction, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        merged = (request.call_id, request.from_tag, request.cseq.number)
        if merged in self._merged:
            # RFC 3261 §8.2.2.2: the same request came by another path.
            self._refuse(tx, request, 482, now)
            return
        tag = core.token()
        usage = core.new_usage(outbound=False, request=request, local_tag=tag, contact_user="")
        usage.tx = tx
        try:
            sdp = session_description(request)
            dialog = answered_dialog(request, flow, tag, _user_of(request), usage.exchange)
        except (UnsupportedBody, MalformedHeader) as error:
            core.end(usage)
            if isinstance(error, UnsupportedBody):
                self._refuse(tx, request, 415, now, (("accept", ACCEPT), ("accept-encoding", "identity")))
            else:
                self._refuse(tx, request, error.status, now, (("warning", _warning(error)),))
            return
        if self._timers.too_brief(request):
            core.end(usage)
            self._refuse(tx, request, 422, now, (("min-se", str(MIN_SE_S)),))
            return
        self._reliable.begin(usage, request)
        role = usage.exchange.receive(Carrier.INVITE, bool(sdp))
        usage.dialog = dialog
        usage.contact_user = dialog.contact_user
        tx.owner = usage
        self._merged[merged] = tx.ident
        core.register(dialog, usage)
        self._unanswered.append(usage)
        core.events.append(InviteReceived(usage.ident, request, flow, role))

    def try_unanswered(self) -> None:
        """100 Trying for every new INVITE that was not answered at once (RFC 3261 §8.2.6.1, §17.2.1)."""
        for usage in self._unanswered:
            tx = usage.tx
            if tx is None or tx.message or usage.phase is not Phase.INVITING:
                continue
            trying = self._core.response(usage.request, 100, None, None)
            timestamp = usage.request.headers.get("timestamp")
            if timestamp is not None:
                trying.headers.add("timestamp", timestamp)
            self._core.layer.respond(tx, 100, trying.encode(), self._core.now)
        self._unanswered.clear()

    def _cancel(self, tx: Transaction, request: Request, now: float) -> None:
        core = self._core
        branch_key = server_key(request)
        target = core.layer.table.get((*branch_key[:-1], "INVITE"))
        usage = target.owner if target is not None else None
        if target is None:
            self._refuse(tx, request, 481, now)
            return
        tag = usage.local_tag if isinstance(usage, InviteUsage) else core.token()
        core.layer.respond(tx, 200, core.response(request, 200, None, tag).encode(), now)
        if isinstance(usage, InviteUsage):
            if usage.tx is target and usage.phase is Phase.INVITING:
                self._terminate_invite(usage, now)
                core.events.append(InviteCancelled(usage.ident, request))
                core.end(usage)
            return
        served = self._core.served.get(target.ident)
        if served is not None and target.state is State.PROCEEDING:
            self.respond(Respond(tx=target.ident, status=487), now)

    def _terminate_invite(self, usage: InviteUsage, now: float) -> None:
        if usage.tx is not None:
            response = self._core.response(usage.request, 487, None, usage.local_tag)
            self._core.layer.respond(usage.tx, 487, response.encode(), now)

    def _within_dialog(self, tx: Transaction, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        found = core.dialogs.get((request.call_id, request.to_tag or "", request.from_tag or ""))
        if found is None or (request.method != "BYE" and (found[1].phase is Phase.ENDING or found[1].bye_wait)):
            self._refuse(tx, request, 481, now)
            return
        dialog, usage = found
        number = request.cseq.number
        if dialog.remote_cseq is not None and number < dialog.remote_cseq:
            # RFC 3261 §12.2.2: out of order.
            self._refuse(tx, request, 500, now)
            return
        dialog.remote_cseq = number
        if request.method == "BYE":
            self._bye(tx, request, dialog, usage, now)
            return
        dialog.flow = flow
        if request.method == "PRACK":
            self._prack(tx, request, dialog, usage, now)
            return
        if request.method in ("INVITE", "UPDATE"):
            self._offer_within(tx, request, dialog, usage, now)
            return
        self._serve(tx, request, usage)
        core.events.append(DialogRequest(usage.ident, tx.ident, request))

    def _prack(self, tx: Transaction, request: Request, dialog: Dialog, usage: InviteUsage, now: float) -> None:
        try:
            if not self._reliable.acknowledged(usage, request):
                # RFC 3262 §3: it matches no unacknowledged reliable response.
                self._refuse(tx, request, 481, now)
                return
        except MalformedHeader as error:
            self._refuse(tx, request, 400, now, (("warning", _warning(error)),))
            return
        # Whatever is wrong with its body, it says that the response has come.
        try:
            role = dialog.exchange.receive(Carrier.PRACK, bool(session_description(request)))
        except Glare as glare:
            self._refuse(tx, request, glare.status, now)
        except UnsupportedBody:
            self._refuse(tx, request, 415, now, (("accept", ACCEPT),))
        else:
            self._take_prack(tx, request, dialog, usage, role, now)
        self._go_on(usage, now)

    def _take_prack(
        self, tx: Transaction, request: Request, dialog: Dialog, usage: InviteUsage, role: Role | None, now: float
    ) -> None:
        core = self._core
        if role is Role.OFFER:
            self._serve(tx, request, usage, Carrier.PRACK, dialog, True)
            core.events.append(PrackReceived(usage.ident, tx.ident, request, role))
        else:
            core.layer.respond(tx, 200, core.response(request, 200, None, None).encode(), now)
            if role is Role.ANSWER:
                core.events.append(PrackReceived(usage.ident, 0, request, role))

    def _go_on(self, usage: InviteUsage, now: float) -> None:
        """The PRACK has come: what waited for it goes out, up to the next that wants one."""
        reliable = usage.reliable
        while reliable is not None and reliable.waiting and reliable.pending is None:
            if usage.phase is not Phase.INVITING:
                return
            command = reliable.waiting.pop(0)
            self._answer_invite(usage, command, now)
            if 200 <= command.status < 300:
                self._core.events.append(AnswerSent(usage.ident))

    def _refuse_usage(self, usage: InviteUsage, status: int, now: float) -> None:
        """End an INVITE that the user will not hear of again."""
        if usage.phase is Phase.INVITING:
            self._answer_invite(usage, Respond(usage=usage.ident, status=status), now)

    def holds_answer(self, ident: int) -> bool:
        """Whether a 2xx of a usage waits for a PRACK; `AnswerSent` tells when it goes out."""
        usage = self._core.usages.get(ident)
        waiting = usage.reliable.waiting if usage is not None and usage.reliable is not None else ()
        return any(200 <= command.status < 300 for command in waiting)

    def withdraw(self, command: Bye, now: float) -> bool:
        """A hang-up that overtakes a 2xx which still waits for a PRACK refuses the INVITE; False where none does."""
        usage = self._core.usages.get(command.usage)
        if usage is None or usage.outbound or usage.phase is not Phase.INVITING:
            return False
        if usage.reliable is None or not usage.reliable.waiting:
            return False
        self._answer_invite(usage, Respond(usage=command.usage, status=480, headers=command.headers), now)
        return True

    def _serve(
        self,
        tx: Transaction,
        request: Request,
        usage: InviteUsage,
        carrier: Carrier | None = None,
        dialog: Dialog | None = None,
        opens: bool = False,
    ) -> None:
        served = ServedRequest(tx=tx, request=request, usage=usage, carrier=carrier, dialog=dialog, opens=opens)
        self._core.served[tx.ident] = usage.served[tx.ident] = served

    def _offer_within(self, tx: Transaction, request: Request, dialog: Dialog, usage: InviteUsage, now: float) -> None:
        carrier = Carrier.INVITE if request.method == "INVITE" else Carrier.UPDATE
        if self._timers.too_brief(request):
            self._refuse(tx, request, 422, now, (("min-se", str(MIN_SE_S)),))
            return
        try:
            if carrier is Carrier.INVITE:
                if usage.reinvite is not None or (usage.outbound and usage.phase is Phase.INVITING):
                    raise Glare(491)
                if usage.phase is Phase.INVITING:
                    # RFC 3261 §14.2: the INVITE before it has no final answer, whatever became of its offer.
                    raise Glare(500)
            sdp = session_description(request)
            role = dialog.exchange.receive(carrier, bool(sdp))
        except Glare as glare:
            retry = (("retry-after", "3"),) if glare.status == 500 else ()
            self._refuse(tx, request, glare.status, now, retry)
            return
        except UnsupportedBody:
            self._refuse(tx, request, 415, now, (("accept", ACCEPT),))
            return
        dialog.refresh(request)
        self._serve(tx, request, usage, carrier, dialog, carrier is Carrier.INVITE or role is Role.OFFER)
        if carrier is Carrier.INVITE:
            trying = self._core.response(request, 100, None, None)
            self._core.layer.respond(tx, 100, trying.encode(), now)
            self._core.events.append(ReinviteReceived(usage.ident, tx.ident, request, role))
        else:
            self._core.events.append(UpdateReceived(usage.ident, tx.ident, request, role))

    def _bye(self, tx: Transaction, request: Request, dialog: Dialog, usage: InviteUsage, now: float) -> None:
        core = self._core
        if usage.outbound and usage.phase is Phase.INVITING:
            # RFC 3261 §15: the callee must not end an early dialog by BYE; its final answer will come.
            self._refuse(tx, request, 481, now)
            return
        core.layer.respond(tx, 200, core.response(request, 200, None, None).encode(), now)
        if usage.phase is Phase.ENDING:
            return
        if usage.phase is Phase.INVITING:
            self._terminate_invite(usage, now)
        core.events.append(ByeReceived(usage.ident, request))
        core.end(usage)

    # -- answers out

    def respond(self, command: Respond, now: float) -> int:
        """Carry out `Respond`. What has ended meanwhile (cancelled, hung up) is not answered again: 0 then."""
        if command.usage is not None:
            usage = self._core.usages.get(command.usage)
            if usage is None or usage.phase is Phase.DOWN or usage.phase is Phase.ENDING:
                return 0
            if usage.phase is not Phase.INVITING or usage.outbound:
                raise LocalError(f"usage {command.usage} has no INVITE to answer")
            self._answer_invite(usage, command, now)
            return command.usage
        if command.tx is None:
            raise LocalError("Respond needs a usage or a transaction")
        served = self._core.served.get(command.tx)
        if served is None:
            return 0
        self._answer_served(command.tx, served, command, now)
        return command.tx

    def _answer_invite(self, usage: InviteUsage, command: Respond, now: float) -> None:
        core = self._core
        tx, dialog = usage.tx, usage.dialog
        assert tx is not None
        assert dialog is not None
        if self._reliable.holds_back(usage, command):
            return
        reliable = False
        if command.status < 200:
            numbered = self._reliable.number(usage, command)
            reliable, command = numbered is not command, numbered
            carrier = Carrier.RELIABLE if reliable else Carrier.PROVISIONAL
            usage.exchange.send(carrier, bool(command.body) and command.content_type == SDP)
        elif command.status < 300:
            settled = self._timers.settle_server(usage, usage.request, now)
            if settled:
                command = replace(command, headers=(*command.headers, *settled))
            usage.exchange.send(Carrier.FINAL, bool(command.body) and command.content_type == SDP)
        message = self._build(usage.request, command, usage.local_tag, usage, tx.flow)
        # A refusal of a busy node takes no memory either, where the caller was told nothing before.
        stateless = command.status in CHALLENGES or (command.status == 503 and not tx.message)
        if stateless and tx.state is State.PROCEEDING:
            core.layer.dismiss(tx, message, now)
        else:
            core.layer.respond(tx, command.status, message, now)
        if reliable:
            self._reliable.sent(usage, command, message, tx.flow, now)
        if command.status >= 300:
            core.end(usage)
        elif command.status >= 200:
            usage.phase = Phase.UP
            dialog.confirmed = True
            self.accepted.keep(usage, message, tx.flow, usage.request.cseq.number, now)

    def _answer_served(self, ident: int, served: ServedRequest, command: Respond, now: float) -> None:
        core = self._core
        usage, tx = served.usage, served.tx
        if usage is not None and served.dialog is not None and served.carrier is not None and command.status >= 200:
            exchange = served.dialog.exchange
            if command.status >= 300:
                if served.opens:
                    exchange.rollback()
            else:
                exchange.send(_ANSWERS[served.carrier], bool(command.body) and command.content_type == SDP)
                if served.carrier is not Carrier.PRACK:
                    settled = self._timers.settle_server(usage, served.request, now)
                    command = replace(command, headers=(*command.headers, *settled))
        tag = None if usage is not None else core.token()
        message = self._build(served.request, command, tag, usage, tx.flow)
        if command.status >= 200:
            self._core.served.pop(ident, None)
            if usage is not None:
                usage.served.pop(ident, None)
        if command.status in CHALLENGES and usage is None:
            core.layer.dismiss(tx, message, now)
        else:
            core.layer.respond(tx, command.status, message, now)
        if served.carrier is Carrier.INVITE and usage is not None and 200 <= command.status < 300:
            self.accepted.keep(usage, message, tx.flow, served.request.cseq.number, now)

    def _build(
        self, request: Request, command: Respond, tag: str | None, usage: InviteUsage | None, flow: Flow
    ) -> bytes:
        core = self._core
        makes_dialog = usage is not None and 100 < command.status < 300
        response = core.response(request, command.status, command.reason, tag, dialog=makes_dialog)
        headers = response.headers
        if usage is not None and makes_dialog:
            headers.add("contact", core.contact(flow, usage.contact_user, request.uri.scheme == "sips"))
        if makes_dialog or command.status == 405:
            headers.add("allow", ALLOW)
        headers.add("server", core.settings.product)
        for name, value in command.headers:
            headers.add(name, value)
        if command.body:
            headers.add("content-type", command.content_type)
            response.body = command.body
        return response.encode()

    def forget_merged(self, tx: Transaction) -> None:
        """An INVITE has its final answer: its double would now be another call."""
        request = tx.request
        if request is not None and request.method == "INVITE":
            key = (request.call_id, request.from_tag, request.cseq.number)
            if self._merged.get(key) == tx.ident:  # a double that was refused with 482 ends before its original
                del self._merged[key]


_ANSWERS = {Carrier.INVITE: Carrier.FINAL, Carrier.UPDATE: Carrier.UPDATE_OK, Carrier.PRACK: Carrier.PRACK_OK}


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where the answers go: back to the source, or to the port that the sender names (RFC 3261 §18.2.2, RFC 3581 §4).

    Some gateways send from one port and listen at another. A sender that asks for rport, or whose Via shows that a
    NAT lies between, is answered where it sent from.
    """
    via = request.top_via
    host, port = flow.remote
    named = via.port or 5060
    if named == port or flow.reliable or via.wants_rport or via.host != host:
        return flow
    return replace(flow, remote=(host, named))


def _user_of(request: Request) -> str:
    """The user part for our Contact: the one that was called, so that a redial reaches the same number."""
    uri = request.uri
    return (uri.user or "").partition(";")[0] if isinstance(uri, SipUri) else ""


def _warning(error: MalformedHeader) -> str:
    text = f"{error.where}: {error.reason}".replace("\\", "").replace('"', "'")
    return f'399 cordboard "{text}"'

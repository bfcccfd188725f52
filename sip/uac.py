"""The user agent client (RFC 3261 §8.1, §9.1, §12.2.1, §13.2, §15.1.1): requests out, answers in."""

from __future__ import annotations

from sip.body import UnsupportedBody, session_description
from sip.commands import SDP, Ack, Bye, Cancel, HeaderPairs, Prack, SendInDialog, SendInvite, SendRequest
from sip.core import ALLOW, EXTENSIONS, Core
from sip.dialog import Dialog, Hop, calling_dialog
from sip.errors import LocalError, MalformedHeader
from sip.events import (
    DialogLost,
    InviteAnswered,
    InviteFailed,
    InviteProgress,
    RequestFailed,
    ResponseReceived,
)
from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, Response
from sip.offer_answer import Carrier, Role
from sip.reliable import is_next, reliable_number
from sip.session_timer import SessionTimers
from sip.transaction import State, Transaction
from sip.uri import parse_uri
from sip.usage import ClientRequest, InviteUsage, Phase

_UNREACHABLE = "the next hop has no address, or takes no connection"

MAX_FORKS = 64
"""Dialogs that one INVITE may make: a peer that answers without end costs no more than so many."""


class UserAgentClient:
    """The asking side of a stack."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.session_timers = SessionTimers(core)
        tags = ", ".join(tag for tag in EXTENSIONS if tag in core.settings.supported)
        self._extensions: HeaderPairs = (("supported", tags), *self.session_timers.opening()) if tags else ()
        """What an INVITE of ours says of 100rel and session timers."""

    # -- requests out

    def invite(self, command: SendInvite, now: float) -> int:
        core = self._core
        tag = core.token()
        call_id = command.call_id or core.token()
        headers = _opening_headers(command.max_forwards, command.from_, command.to, tag, call_id)
        headers.add("cseq", "1 INVITE")
        headers.add("allow", ALLOW)
        for name, value in (*self._extensions, *command.headers):
            headers.add(name, value)
        if command.body:
            headers.add("content-type", SDP)
        request = Request("INVITE", parse_uri(command.uri), headers, command.body)
        usage = core.new_usage(outbound=True, request=request, local_tag=tag, contact_user=command.contact_user)
        # A flow is given for phones that registered over it; they are behind whatever it leads through.
        usage.pinned = isinstance(command.target, Flow)
        usage.exchange.send(Carrier.INVITE, bool(command.body))

        def start(flow: Flow | None, data: bytes, at: float) -> None:
            if usage.cancelled:
                core.end(usage)
            elif flow is None:
                self._fail_invite(usage, 503, None, _UNREACHABLE)
            else:
                usage.tx = core.layer.start_client(request, flow, usage, at, message=data)

        core.route(request, command.target, command.contact_user, now, start)
        return usage.ident

    def request(self, command: SendRequest, now: float) -> int:
        core = self._core
        headers = _opening_headers(70, command.from_, command.to, core.token(), command.call_id or core.token())
        headers.add("cseq", f"{command.cseq} {command.method}")
        for name, value in command.headers:
            headers.add(name, value)
        if command.body:
            headers.add("content-type", command.content_type)
        request = Request(command.method, parse_uri(command.uri), headers, command.body)
        owner = ClientRequest(ident=core.layer.new_ident(), method=command.method, usage=None)
        self._start(request, owner, command.target, None, now)
        return owner.ident

    def within(self, command: SendInDialog, now: float) -> int:
        core = self._core
        usage = core.usages.get(command.usage)
        dialog = usage.dialog if usage is not None else None
        owner = ClientRequest(ident=core.layer.new_ident(), method=command.method, usage=usage)
        if usage is None or dialog is None or usage.phase is not Phase.UP:
            core.events.append(RequestFailed(owner.ident, 481, "the dialog is over"))
            return owner.ident
        has_sdp = bool(command.body) and command.content_type == SDP
        if command.method == "INVITE":
            if usage.reinvite is not None:
                raise LocalError("a re-INVITE of this usage is still unanswered")
            if usage.accepted is not None:
                # RFC 3261 §14.1: not while theirs goes on, and that ends with its ACK.
                raise LocalError("the ACK of a 2xx of this usage is still due")
            dialog.exchange.send(Carrier.INVITE, has_sdp)
            owner.carrier, owner.opens = Carrier.FINAL, True
            usage.reinvite = owner
        elif command.method == "UPDATE":
            dialog.exchange.send(Carrier.UPDATE, has_sdp)
            owner.carrier, owner.opens = Carrier.UPDATE_OK, has_sdp
        request = dialog.request(command.method)
        extra = self.session_timers.within(usage) if owner.carrier is not None else ()
        for name, value in (*extra, *command.headers):
            request.headers.add(name, value)
        if command.body:
            request.headers.add("content-type", command.content_type)
            request.body = command.body
        user = dialog.contact_user if owner.carrier is not None else None
        self._start(request, owner, dialog.next_hop(), user, now)
        return owner.ident

    def bye(self, command: Bye, now: float) -> None:
        core = self._core
        usage = core.usages.get(command.usage)
        if usage is None or usage.phase in (Phase.ENDING, Phase.DOWN):
            return
        dialog = usage.dialog
        if usage.phase is not Phase.UP or dialog is None:
            raise LocalError(f"usage {command.usage} is not answered: cancel or refuse it")
        if usage.accepted is not None and not usage.outbound:
            # RFC 3261 §15: the callee waits for the ACK, or for its time-out.
            usage.bye_wait = command
            return
        if usage.ack_due is not None:
            self._send_ack(usage, dialog, usage.ack_due, b"", now)
        usage.phase = Phase.ENDING
        core.refuse_served(usage)
        request = dialog.request("BYE")
        for name, value in command.headers:
            request.headers.add(name, value)
        owner = ClientRequest(ident=core.layer.new_ident(), method="BYE", usage=usage, silent=True)
        self._start(request, owner, dialog.next_hop(), None, now)

    def cancel(self, command: Cancel, now: float) -> None:
        usage = self._core.usages.get(command.usage)
        if usage is None or usage.cancelled:
            return
        if not usage.outbound:
            raise LocalError(f"usage {command.usage} is the far end's call: refuse it or hang up")
        if usage.phase is Phase.UP:
            # RFC 3261 §15: its 2xx was faster than the user, who may not have seen it yet.
            self.bye(Bye(usage=command.usage, headers=command.headers), now)
            return
        if usage.phase is not Phase.INVITING:
            return
        usage.cancelled = True
        usage.cancel_headers = command.headers
        # RFC 3261 §9.1: only after a provisional answer; the first one to come sends it then.
        if usage.tx is not None and usage.tx.state is State.PROCEEDING:
            self._send_cancel(usage, usage.tx, now)

    def prack(self, command: Prack, now: float) -> None:
        usage = self._core.usages.get(command.usage)
        dialog = usage.earlies.get(command.early) if usage is not None else None
        if usage is None or dialog is None or usage.cancelled:
            return
        if dialog.prack_due is None:
            raise LocalError(f"usage {command.usage} has no reliable response with an offer to acknowledge")
        dialog.exchange.send(Carrier.PRACK, bool(command.body))
        rseq, cseq = dialog.prack_due
        dialog.prack_due = None
        self._send_prack(dialog, rseq, cseq, command.body, now)

    def _send_prack(self, dialog: Dialog, rseq: int, cseq: int, body: bytes, now: float) -> None:
        request = dialog.request("PRACK")
        request.headers.add("rack", f"{rseq} {cseq} INVITE")
        if body:
            request.headers.add("content-type", SDP)
            request.body = body
        owner = ClientRequest(ident=self._core.layer.new_ident(), method="PRACK", usage=None, silent=True)
        self._start(request, owner, dialog.next_hop(), None, now)

    def acknowledge(self, command: Ack, now: float) -> None:
        usage = self._core.usages.get(command.usage)
        if usage is None or usage.dialog is None or usage.phase is not Phase.UP:
            return
        if usage.ack_due is None:
            raise LocalError(f"usage {command.usage} has no 2xx with an offer to acknowledge")
        usage.dialog.exchange.send(Carrier.ACK, bool(command.body))
        self._send_ack(usage, usage.dialog, usage.ack_due, command.body, now)

    def _start(self, request: Request, owner: ClientRequest, hop: Hop, contact_user: str | None, now: float) -> None:
        core = self._core

        def start(flow: Flow | None, data: bytes, at: float) -> None:
            if flow is None:
                self._fail_request(owner, 503, _UNREACHABLE)
                return
            owner.tx = core.layer.start_client(request, flow, owner, at, ident=owner.ident, message=data)

        core.route(request, hop, contact_user, now, start)

    def _send_cancel(self, usage: InviteUsage, tx: Transaction, now: float) -> None:
        """RFC 3261 §9.1: the fields of the INVITE, its branch included."""
        source = usage.request
        headers = Headers()
        headers.add("via", source.headers.get_all("via")[0])
        headers.add("max-forwards", "70")
        headers.add("from", source.headers.get("from") or "")
        headers.add("to", source.headers.get("to") or "")
        headers.add("call-id", source.call_id)
        headers.add("cseq", f"{source.cseq.number} CANCEL")
        for route in source.headers.get_all("route"):
            headers.add("route", route)
        for name, value in usage.cancel_headers:
            headers.add(name, value)
        request = Request("CANCEL", source.uri, headers, b"")
        owner = ClientRequest(ident=self._core.layer.new_ident(), method="CANCEL", usage=None, silent=True)
        self._core.layer.start_client(request, tx.flow, owner, now, ident=owner.ident)
        self._core.layer.limit(tx, now)

    def _send_ack(self, usage: InviteUsage, dialog: Dialog, cseq: int, body: bytes, now: float) -> None:
        core = self._core
        usage.ack_due = None
        request = dialog.request("ACK", cseq)
        for name in ("authorization", "proxy-authorization"):
            # RFC 3261 §22.1: the ACK repeats the credentials of its INVITE.
            for value in usage.request.headers.get_all(name):
                request.headers.add(name, value)
        if body:
            request.headers.add("content-type", SDP)
            request.body = body

        def send(flow: Flow | None, data: bytes, at: float) -> None:
            if flow is None:
                return
            usage.acks[dialog.remote_tag] = (cseq, flow, data)
            core.transmit(flow, data)

        core.route(request, dialog.next_hop(), None, now, send)

    # -- answers in

    def on_response(self, tx: Transaction, response: Response, now: float) -> None:
        owner = tx.owner
        if isinstance(owner, InviteUsage):
            self._on_invite_response(owner, tx, response, now)
        elif isinstance(owner, ClientRequest):
            self._on_request_response(owner, tx, response, now)

    def on_failure(self, tx: Transaction, status: int, cause: str) -> None:
        owner = tx.owner
        if isinstance(owner, InviteUsage):
            self._fail_invite(owner, status, None, cause)
        elif isinstance(owner, ClientRequest):
            self._fail_request(owner, status, cause)

    def _on_invite_response(self, usage: InviteUsage, tx: Transaction, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            self._on_progress(usage, tx, response, now)
        elif status < 300:
            self._on_accepted(usage, tx, response, now)
        elif status != 422 or not self._ask_for_longer(usage, tx, response, now):
            self._fail_invite(usage, status, response, f"{status} {response.reason}")

    def _ask_for_longer(self, usage: InviteUsage, tx: Transaction, response: Response, now: float) -> bool:
        """RFC 4028 §7.4: the INVITE again, with the session interval that the far end demands; once."""
        before = usage.request.headers.get("session-expires")
        least_s = self.session_timers.demanded(response)
        if usage.cancelled or usage.phase is not Phase.INVITING or before is None or least_s is None:
            return False
        if usage.request.cseq.number > 1:
            return False
        for dialog in usage.earlies.values():
            self._core.leave(dialog, usage)
        usage.earlies.clear()
        # A copy: the transaction that ends still makes its ACK of the first one.
        headers = usage.request.headers.copy()
        for name in ("via", "contact", "user-agent"):
            headers.remove(name)
        for name, value in self.session_timers.opening(least_s):
            headers.set(name, value)
        headers.set("cseq", f"{usage.request.cseq.number + 1} INVITE")
        usage.request = Request("INVITE", usage.request.uri, headers, usage.request.body)
        self._core.stamp(usage.request, tx.flow, usage.contact_user)
        usage.tx = self._core.layer.start_client(usage.request, tx.flow, usage, now)
        return True

    def _on_progress(self, usage: InviteUsage, tx: Transaction, response: Response, now: float) -> None:
        if usage.cancelled:
            if tx.timeout_timer is None:
                self._send_cancel(usage, tx, now)
            return
        if response.status == 100 or usage.phase is not Phase.INVITING:
            return
        tag = response.to_tag or ""
        exchange = usage.exchange
        dialog: Dialog | None = None
        if tag:
            dialog = usage.earlies.get(tag)
            if dialog is not None:
                dialog.refresh(response)
                exchange = dialog.exchange
            elif len(usage.earlies) < MAX_FORKS:
                dialog = self._dialog(usage, tx, response)
                usage.earlies[tag] = dialog
                self._core.register(dialog, usage)
                exchange = dialog.exchange
        rseq = reliable_number(response) if dialog is not None else None
        if rseq is not None and dialog is not None and not is_next(dialog, rseq):
            return
        sdp = exchange.receive(Carrier.PROVISIONAL if rseq is None else Carrier.RELIABLE, _has_sdp(response))
        if rseq is not None and dialog is not None:
            cseq = usage.request.cseq.number
            if sdp is Role.OFFER:
                dialog.prack_due = (rseq, cseq)
            else:
                self._send_prack(dialog, rseq, cseq, b"", now)
        self._core.events.append(InviteProgress(usage.ident, tag, response, sdp))

    def _on_accepted(self, usage: InviteUsage, tx: Transaction, response: Response, now: float) -> None:
        tag = response.to_tag or ""
        known = usage.acks.get(tag)
        if known is not None and known[0] == response.cseq.number:
            self._core.transmit(known[1], known[2])
            return
        if usage.dialog is not None and usage.dialog.remote_tag == tag:
            # Again, before the user has answered its offer, or so late that a re-INVITE has gone by.
            return
        if usage.cancelled or usage.phase is not Phase.INVITING:
            self._end_unwanted(usage, tx, response, now)
            return
        dialog = usage.earlies.pop(tag, None)
        if dialog is None:
            dialog = self._dialog(usage, tx, response)
            self._core.register(dialog, usage)
        else:
            # RFC 3261 §13.2.2.4: the 2xx settles target and route set.
            dialog.refresh(response)
            dialog.route_set = [str(route) for route in reversed(response.record_routes)]
            dialog.remote = response.headers.get("to") or dialog.remote
        dialog.confirmed = True
        usage.dialog = dialog
        usage.phase = Phase.UP
        for early in usage.earlies.values():
            self._core.leave(early, usage)
        usage.earlies.clear()
        self.session_timers.settle_client(usage, response, now)
        sdp = dialog.exchange.receive(Carrier.FINAL, _has_sdp(response))
        if sdp is Role.OFFER:
            usage.ack_due = usage.request.cseq.number
        else:
            self._send_ack(usage, dialog, usage.request.cseq.number, b"", now)
        self._core.events.append(InviteAnswered(usage.ident, response, sdp))

    def _end_unwanted(self, usage: InviteUsage, tx: Transaction, response: Response, now: float) -> None:
        """A 2xx that nobody wants, forked or after CANCEL: acknowledged and ended (RFC 3261 §13.2.2.4)."""
        if len(usage.acks) >= MAX_FORKS:
            return
        dialog = self._dialog(usage, tx, response)
        self._send_ack(usage, dialog, usage.request.cseq.number, b"", now)
        owner = ClientRequest(ident=self._core.layer.new_ident(), method="BYE", usage=None, silent=True)
        self._start(dialog.request("BYE"), owner, dialog.next_hop(), None, now)
        if usage.cancelled and usage.phase is Phase.INVITING:
            self._core.end(usage)

    def _dialog(self, usage: InviteUsage, tx: Transaction, response: Response) -> Dialog:
        return calling_dialog(usage.request, response, tx.flow, usage.pinned, usage.contact_user, usage.exchange.fork())

    def _fail_invite(self, usage: InviteUsage, status: int, response: Response | None, cause: str) -> None:
        if usage.phase is not Phase.INVITING:
            return
        if not usage.cancelled:
            self._core.events.append(InviteFailed(usage.ident, status, response, cause))
        self._core.end(usage)

    def _on_request_response(self, owner: ClientRequest, tx: Transaction, response: Response, now: float) -> None:
        usage = owner.usage
        status = response.status
        if status < 200 and owner.method == "INVITE" and usage is not None and usage.phase is not Phase.UP:
            # The dialog ended meanwhile: as after a CANCEL, a final answer may not come any more.
            self._core.layer.limit(tx, now)
        sdp: Role | None = None
        if owner.carrier is not None and usage is not None and usage.dialog is not None:
            sdp = self._on_offer_response(owner, usage, usage.dialog, response, now)
            if sdp is Role.REPEAT and owner.method == "INVITE" and usage.reinvite is not owner and status >= 200:
                return
        if not owner.silent:
            self._core.events.append(ResponseReceived(owner.ident, response, sdp))
        if status >= 200 and usage is not None:
            self._settle(owner, usage, status)

    def _on_offer_response(
        self, owner: ClientRequest, usage: InviteUsage, dialog: Dialog, response: Response, now: float
    ) -> Role | None:
        status = response.status
        if status < 200:
            return None
        if status >= 300:
            if owner.opens:
                dialog.exchange.rollback()
            if status == 422:
                self.session_timers.refused(usage, response)
        elif owner.method == "INVITE":
            cseq = response.cseq.number
            known = usage.acks.get(dialog.remote_tag)
            if known is not None and known[0] == cseq:
                self._core.transmit(known[1], known[2])
                return Role.REPEAT
            if usage.ack_due == cseq:
                return Role.REPEAT
        assert owner.carrier is not None
        sdp = dialog.exchange.receive(owner.carrier, _has_sdp(response)) if status < 300 else None
        if status < 300:
            if sdp is None and owner.opens:
                # A 2xx that answers nothing: without this every later offer would meet ours.
                dialog.exchange.rollback()
            dialog.refresh(response)
            self.session_timers.settle_client(usage, response, now)
            if owner.method == "INVITE":
                if sdp is Role.OFFER:
                    usage.ack_due = response.cseq.number
                else:
                    self._send_ack(usage, dialog, response.cseq.number, b"", now)
        return sdp

    def _settle(self, owner: ClientRequest, usage: InviteUsage, status: int) -> None:
        """The last word on a request within a dialog."""
        if usage.reinvite is owner:
            usage.reinvite = None
        if owner.method == "BYE":
            self._core.end(usage)
        elif status in (408, 481) and usage.phase is Phase.UP:
            # RFC 3261 §12.2.1.2: the far end lost the dialog.
            self._core.events.append(DialogLost(usage.ident, status))
            self._core.end(usage)

    def _fail_request(self, owner: ClientRequest, status: int, cause: str) -> None:
        usage = owner.usage
        if owner.opens and usage is not None and usage.dialog is not None:
            usage.dialog.exchange.rollback()
        if not owner.silent:
            self._core.events.append(RequestFailed(owner.ident, status, cause))
        if usage is not None:
            self._settle(owner, usage, status)


def _opening_headers(max_forwards: int, from_: str, to: str, tag: str, call_id: str) -> Headers:
    headers = Headers()
    headers.add("max-forwards", str(max_forwards))
    headers.add("from", f"{from_};tag={tag}")
    headers.add("to", to)
    headers.add("call-id", call_id)
    return headers


def _has_sdp(response: Response) -> bool:
    try:
        return bool(session_description(response))
    except (UnsupportedBody, MalformedHeader):
        return False

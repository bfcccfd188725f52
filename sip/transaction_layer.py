"""The transaction layer (RFC 3261 §17): matches messages to transactions, retransmits, absorbs retransmissions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from sip.flow import Address, Flow
from sip.headers import Headers
from sip.message import Request, Response
from sip.timers import Timers, Timing
from sip.transaction import Action, Input, Kind, State, Transaction
from sip.via import MAGIC_COOKIE

Argument = Request | Response | bytes | str | None


class TransactionUser(Protocol):
    """What the layer tells the core above it."""

    def on_response(self, tx: Transaction, response: Response, now: float) -> None: ...
    def on_stray_ack(self, tx: Transaction, ack: Request, now: float) -> None: ...
    def on_client_failure(self, tx: Transaction, status: int, cause: str, now: float) -> None: ...
    def on_server_done(self, tx: Transaction, now: float) -> None: ...


class TransactionLayer:
    """All transactions of one stack. `transmit` puts bytes on a flow, in order."""

    def __init__(
        self,
        timers: Timers,
        timing: Timing,
        transmit: Callable[[Flow, bytes], None],
        user: TransactionUser,
    ) -> None:
        self._timers = timers
        self._timing = timing
        self._transmit = transmit
        self._user = user
        self._idents = count(1)
        self.resent = 0
        """Messages sent again, because no answer came or because the peer asked again."""
        self.absorbed = 0
        """Requests that a peer sent again."""
        self.table: dict[tuple[Any, ...], Transaction] = {}
        self._clients: dict[Address | int, dict[int, Transaction]] = {}
        """Client transactions by UDP peer or by connection: errors of the network cause no search through the table."""
        self._perform: dict[Action, Callable[[Transaction, Argument, float], None]] = {
            Action.PASS_UP: self._pass_up,
            Action.SEND: self._send,
            Action.RESEND: self._resend,
            Action.SEND_ACK: self._send_ack,
            Action.STOP_TIMERS: self._stop_timers,
            Action.RESTART_A: self._restart_a,
            Action.RESTART_E: self._restart_capped,
            Action.RESTART_E_SLOW: self._restart_slow,
            Action.START_D: self._start_d,
            Action.START_GH: self._start_gh,
            Action.RESTART_G: self._restart_capped,
            Action.START_I: self._start_i,
            Action.START_J: self._start_j,
            Action.START_K: self._start_k,
            Action.START_L: self._start_l,
            Action.START_M: self._start_m,
            Action.REPORT_TIMEOUT: self._report_timeout,
            Action.REPORT_TRANSPORT: self._report_transport,
            Action.REPORT_NO_ACK: self._report_no_ack,
        }

    # -- making

    def start_client(
        self, request: Request, flow: Flow, owner: object, now: float, ident: int = 0, message: bytes = b""
    ) -> Transaction:
        """Send a request whose top Via carries a fresh branch, and await its answers; `message` is its bytes."""
        invite = request.method == "INVITE"
        kind = Kind.INVITE_CLIENT if invite else Kind.CLIENT
        tx = Transaction(
            ident=ident or next(self._idents),
            kind=kind,
            key=(request.top_via.branch, request.method),
            flow=flow,
            request=request,
            owner=owner,
        )
        tx.message = message or request.encode()
        self.table[tx.key] = tx
        peer = flow.remote if flow.connection is None else flow.connection
        self._clients.setdefault(peer, {})[tx.ident] = tx
        self._transmit(flow, tx.message)
        timing = self._timing
        # RFC 3261 §17.1.1.2, §17.1.2.2: timers A and E run on unreliable transports only.
        if not flow.reliable:
            tx.interval_s = timing.t1_s
            timer = Input.TIMER_A if invite else Input.TIMER_E
            tx.resend_timer = self._timers.after(timing.t1_s, now, self._on_timer, (tx, timer))
        expiry = Input.TIMER_B if invite else Input.TIMER_F
        tx.timeout_timer = self._timers.after_constant(timing.transaction_s, now, self._on_timer, (tx, expiry))
        return tx

    def start_server(self, request: Request, flow: Flow, key: tuple[Any, ...]) -> Transaction:
        """Open a transaction for a request that `match_request` did not know."""
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        tx = Transaction(ident=next(self._idents), kind=kind, key=key, flow=flow, request=request, owner=None)
        self.table[key] = tx
        return tx

    def limit(self, tx: Transaction, now: float) -> None:
        """Give an INVITE that is cancelled, or whose dialog is over, 64*T1 from now for its answer (RFC 3261 §9.1)."""
        if tx.state is State.PROCEEDING and tx.timeout_timer is None:
            tx.timeout_timer = self._timers.after_constant(
                self._timing.transaction_s, now, self._on_timer, (tx, Input.TIMER_B)
            )

    def new_ident(self) -> int:
        return next(self._idents)

    # -- matching

    def absorb_request(self, request: Request, key: tuple[Any, ...], now: float) -> bool:
        """True where a transaction took the request: a retransmission, or an ACK to its final answer."""
        tx = self.table.get(key)
        if tx is None:
            return False
        if request.method == "ACK":
            self.step(tx, Input.ACK, request, now)
        else:
            self.absorbed += 1
            self.step(tx, Input.REQUEST, request, now)
        return True

    def take_response(self, response: Response, now: float) -> bool:
        """Give a response to its client transaction (RFC 3261 §17.1.3); False where there is none."""
        tx = self.table.get((response.top_via.branch, response.cseq.method))
        if tx is None:
            return False
        status = response.status
        given = Input.PROVISIONAL if status < 200 else Input.FINAL_2XX if status < 300 else Input.FINAL_REST
        self.step(tx, given, response, now)
        return True

    def respond(self, tx: Transaction, status: int, message: bytes, now: float) -> None:
        """Send a response of the user's; one that comes too late (the final one is out) is not sent."""
        given = Input.SEND_PROVISIONAL if status < 200 else Input.SEND_2XX if status < 300 else Input.SEND_REST
        if (tx.state, given) in tx.table:
            self.step(tx, given, message, now)

    def dismiss(self, tx: Transaction, message: bytes, now: float) -> None:
        """Answer a request once and forget it, as a stateless server does (RFC 3261 §8.2.7)."""
        self._transmit(tx.flow, message)
        self._finish_server(tx, now)
        tx.state = State.TERMINATED
        self.table.pop(tx.key, None)

    def fail_flow(self, remote: Address, now: float) -> None:
        """UDP cannot reach a peer (RFC 3261 §8.1.3.1): its unanswered requests fail."""
        for tx in list(self._clients.get(remote, {}).values()):
            self.step(tx, Input.TRANSPORT_ERROR, None, now)

    def fail_connection(self, number: int, now: float) -> None:
        """A connection has gone (RFC 3261 §18.4): what awaits an answer over it fails, and nothing else."""
        for tx in list(self._clients.get(number, {}).values()):
            self.step(tx, Input.CONNECTION_LOST, None, now)

    def step(self, tx: Transaction, given: Input, argument: Argument, now: float) -> None:
        actions = tx.advance(given)
        perform = self._perform
        for action in actions:
            perform[action](tx, argument, now)
        if tx.state is State.TERMINATED:
            self.table.pop(tx.key, None)
            if tx.is_client:
                self._forget_client(tx)

    def _forget_client(self, tx: Transaction) -> None:
        flow = tx.flow
        peer = flow.remote if flow.connection is None else flow.connection
        peers = self._clients.get(peer)
        if peers is not None:
            peers.pop(tx.ident, None)
            if not peers:
                del self._clients[peer]

    # -- actions

    def _pass_up(self, tx: Transaction, argument: Argument, now: float) -> None:
        if isinstance(argument, Response):
            self._user.on_response(tx, argument, now)
        elif isinstance(argument, Request):
            self._user.on_stray_ack(tx, argument, now)

    def _send(self, tx: Transaction, argument: Argument, now: float) -> None:
        assert isinstance(argument, bytes)
        tx.message = argument
        self._transmit(tx.flow, argument)

    def _resend(self, tx: Transaction, argument: Argument, now: float) -> None:
        if tx.message:
            self.resent += 1
            self._transmit(tx.flow, tx.message)

    def _send_ack(self, tx: Transaction, argument: Argument, now: float) -> None:
        # The first final answer makes the ACK; its retransmissions are met with the same bytes.
        if tx.request is not None:
            assert isinstance(argument, Response)
            tx.message = failure_ack(tx.request, argument).encode()
            tx.request = None
        self._transmit(tx.flow, tx.message)

    def _stop_timers(self, tx: Transaction, argument: Argument, now: float) -> None:
        if tx.resend_timer is not None:
            tx.resend_timer.cancel()
            tx.resend_timer = None
        if tx.timeout_timer is not None:
            tx.timeout_timer.cancel()
            tx.timeout_timer = None

    def _restart_a(self, tx: Transaction, argument: Argument, now: float) -> None:
        tx.interval_s *= 2
        tx.resend_timer = self._timers.after(tx.interval_s, now, self._on_timer, (tx, Input.TIMER_A))

    def _restart_capped(self, tx: Transaction, argument: Argument, now: float) -> None:
        # RFC 3261 §17.1.2.2 timer E, §17.2.1 timer G: doubled up to T2.
        tx.interval_s = min(2 * tx.interval_s, self._timing.t2_s)
        timer = Input.TIMER_E if tx.kind is Kind.CLIENT else Input.TIMER_G
        tx.resend_timer = self._timers.after(tx.interval_s, now, self._on_timer, (tx, timer))

    def _restart_slow(self, tx: Transaction, argument: Argument, now: float) -> None:
        tx.interval_s = self._timing.t2_s
        tx.resend_timer = self._timers.after(tx.interval_s, now, self._on_timer, (tx, Input.TIMER_E))

    def _start_gh(self, tx: Transaction, argument: Argument, now: float) -> None:
        timing = self._timing
        if not tx.flow.reliable:
            tx.interval_s = timing.t1_s
            tx.resend_timer = self._timers.after(timing.t1_s, now, self._on_timer, (tx, Input.TIMER_G))
        tx.timeout_timer = self._timers.after_constant(timing.transaction_s, now, self._on_timer, (tx, Input.TIMER_H))

    def _linger(self, tx: Transaction, timer: Input, unreliable_s: float, reliable_s: float, now: float) -> None:
        delay_s = reliable_s if tx.flow.reliable else unreliable_s
        tx.timeout_timer = self._timers.linger(delay_s, now, self._on_timer, (tx, timer))

    def _start_d(self, tx: Transaction, argument: Argument, now: float) -> None:
        # RFC 3261 §17.1.1.2: at least 32 s, and zero on reliable transports.
        self._linger(tx, Input.TIMER_D, self._timing.transaction_s, 0.0, now)

    def _start_i(self, tx: Transaction, argument: Argument, now: float) -> None:
        self._finish_server(tx, now)
        self._linger(tx, Input.TIMER_I, self._timing.t4_s, 0.0, now)

    def _start_j(self, tx: Transaction, argument: Argument, now: float) -> None:
        self._finish_server(tx, now)
        self._linger(tx, Input.TIMER_J, self._timing.transaction_s, 0.0, now)

    def _start_k(self, tx: Transaction, argument: Argument, now: float) -> None:
        tx.request = None
        tx.message = b""
        self._linger(tx, Input.TIMER_K, self._timing.t4_s, 0.0, now)

    def _start_l(self, tx: Transaction, argument: Argument, now: float) -> None:
        self._finish_server(tx, now)
        self._linger(tx, Input.TIMER_L, self._timing.transaction_s, self._timing.transaction_s, now)

    def _start_m(self, tx: Transaction, argument: Argument, now: float) -> None:
        tx.message = b""
        self._linger(tx, Input.TIMER_M, self._timing.transaction_s, self._timing.transaction_s, now)

    def _finish_server(self, tx: Transaction, now: float) -> None:
        self._user.on_server_done(tx, now)
        tx.request = None

    def _report_timeout(self, tx: Transaction, argument: Argument, now: float) -> None:
        self._user.on_client_failure(tx, 408, "no answer within 64*T1", now)

    def _report_transport(self, tx: Transaction, argument: Argument, now: float) -> None:
        self._user.on_client_failure(tx, 503, "the transport cannot reach the peer", now)

    def _report_no_ack(self, tx: Transaction, argument: Argument, now: float) -> None:
        self._finish_server(tx, now)

    def _on_timer(self, what: tuple[Transaction, Input], now: float) -> None:
        tx, timer = what
        self.step(tx, timer, None, now)


def server_key(request: Request) -> tuple[Any, ...]:
    """What makes two requests the same transaction (RFC 3261 §17.2.3); an ACK has the key of its INVITE."""
    via = request.top_via
    method = request.method
    if method == "ACK":
        method = "INVITE"
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return (branch, via.host, via.port, method)
    # RFC 2543 peers: no unique branch, so the fields that a retransmission repeats.
    cseq = request.cseq
    return (request.call_id, request.from_tag, cseq.number, str(via), str(request.uri), method)


def failure_ack(invite: Request, response: Response) -> Request:
    """The ACK of a final answer other than 2xx (RFC 3261 §17.1.1.3)."""
    headers = Headers()
    source = invite.headers
    headers.add("via", source.get_all("via")[0])
    headers.add("max-forwards", "70")
    headers.add("from", source.get("from") or "")
    headers.add("to", response.headers.get("to") or "")
    headers.add("call-id", invite.call_id)
    headers.add("cseq", f"{invite.cseq.number} ACK")
    for route in source.get_all("route"):
        headers.add("route", route)
    return Request("ACK", invite.uri, headers, b"")

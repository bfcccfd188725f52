"""Events: what the stack tells its user, in the order in which it happened.

`usage` numbers an INVITE usage of a dialog (RFC 5057), `tx` a transaction whose answer is due or awaited;
neither number is used twice. `sdp` says what a session description in the message means to the offer/answer
exchange of its usage (RFC 3264, RFC 6337); None where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from sip.flow import Flow
from sip.message import Request, Response
from sip.offer_answer import Role


@dataclass(frozen=True, slots=True)
class InviteReceived:
    """A new call: answer it with `Respond(usage=…)`. Unless that is done at once, 100 Trying goes out by itself."""

    usage: int
    request: Request
    flow: Flow
    sdp: Role | None


@dataclass(frozen=True, slots=True)
class InviteCancelled:
    """The caller cancelled before a final answer; the stack has answered 200 and 487. The usage is over."""

    usage: int
    request: Request


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The 2xx of the usage was acknowledged; `body` is the answer where the 2xx carried the offer."""

    usage: int
    body: bytes
    sdp: Role | None


@dataclass(frozen=True, slots=True)
class AckMissing:
    """64·T1 passed without an ACK (RFC 3261 §13.3.1.4). The user ends the usage with `Bye`."""

    usage: int


@dataclass(frozen=True, slots=True)
class ReinviteReceived:
    """An INVITE within the dialog: answer it with `Respond(tx=…)`."""

    usage: int
    tx: int
    request: Request
    sdp: Role | None


@dataclass(frozen=True, slots=True)
class UpdateReceived:
    """An UPDATE (RFC 3311) within the dialog: answer it with `Respond(tx=…)`."""

    usage: int
    tx: int
    request: Request
    sdp: Role | None


@dataclass(frozen=True, slots=True)
class PrackReceived:
    """A PRACK (RFC 3262) whose description matters: an offer is answered with `Respond(tx=…)`.

    Where it brings the answer to an offer of ours, `tx` is 0: the stack has said 200.
    """

    usage: int
    tx: int
    request: Request
    sdp: Role


@dataclass(frozen=True, slots=True)
class PrackMissing:
    """A reliable response of ours was not acknowledged for 64·T1; the stack refused the INVITE with 504."""

    usage: int


@dataclass(frozen=True, slots=True)
class AnswerSent:
    """A 2xx of ours that had to wait for a PRACK has gone out."""

    usage: int


@dataclass(frozen=True, slots=True)
class RefreshDue:
    """The session is to be refreshed (RFC 4028 §10): by an UPDATE where the far end takes it, else a re-INVITE."""

    usage: int
    updates: bool


@dataclass(frozen=True, slots=True)
class SessionExpired:
    """The session was not refreshed in time. The user ends the usage with `Bye`."""

    usage: int


@dataclass(frozen=True, slots=True)
class DialogRequest:
    """Another request within the dialog (INFO, OPTIONS, MESSAGE, …): answer it with `Respond(tx=…)`."""

    usage: int
    tx: int
    request: Request


@dataclass(frozen=True, slots=True)
class ByeReceived:
    """The far end ended the usage; the stack has answered 200."""

    usage: int
    request: Request


@dataclass(frozen=True, slots=True)
class InviteProgress:
    """A provisional response above 100; `early` is the early dialog's remote tag ("" where the peer sent none)."""

    usage: int
    early: str
    response: Response
    sdp: Role | None


@dataclass(frozen=True, slots=True)
class InviteAnswered:
    """The first 2xx. The stack acknowledges it, except where `sdp` is an offer: then `Ack(body=answer)` is due."""

    usage: int
    response: Response
    sdp: Role | None


@dataclass(frozen=True, slots=True)
class InviteFailed:
    """A final answer other than 2xx, or none: 408 for a time-out, 503 for a transport error. The usage is over."""

    usage: int
    status: int
    response: Response | None
    cause: str


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A request outside any dialog that is not INVITE: answer it with `Respond(tx=…)`."""

    tx: int
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """An answer to `SendRequest` or `SendInDialog`; the final one (200 or above) is the last word of `tx`."""

    tx: int
    response: Response
    sdp: Role | None = None


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """No answer to a request of ours: 408 for a time-out, 503 for a transport error. The last word of `tx`."""

    tx: int
    status: int
    cause: str


@dataclass(frozen=True, slots=True)
class DialogLost:
    """The far end no longer knows the dialog (RFC 3261 §12.2.1.2: 481 or 408). The usage is over."""

    usage: int
    status: int


@dataclass(frozen=True, slots=True)
class ResolveNeeded:
    """A name or address is to become a flow: answer with `stack.resolved` or `stack.resolve_failed`."""

    query: int
    host: str
    port: int | None
    transport: str


Event = (
    InviteReceived
    | InviteCancelled
    | AckReceived
    | AckMissing
    | ReinviteReceived
    | UpdateReceived
    | PrackReceived
    | PrackMissing
    | AnswerSent
    | RefreshDue
    | SessionExpired
    | DialogRequest
    | ByeReceived
    | InviteProgress
    | InviteAnswered
    | InviteFailed
    | RequestReceived
    | ResponseReceived
    | RequestFailed
    | DialogLost
    | ResolveNeeded
)

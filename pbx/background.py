"""Background: what a session does with signals that no verb waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.event import DigitReceived, DigitsSent, PortSilent, TapFailed
from pbx import digit_relay, negotiation, reoffer
from pbx.inbox import MediaSignal, SipSignal
from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd, failed_end, reason_cause
from pbx.media_watch import MEDIA_TIMEOUT
from pbx.reasons import Party, Reason
from sip.commands import Respond
from sip.core import ALLOW
from sip.events import (
    AckMissing,
    AckReceived,
    AnswerSent,
    ByeReceived,
    DialogLost,
    DialogRequest,
    InviteCancelled,
    InviteFailed,
    PrackMissing,
    PrackReceived,
    RefreshDue,
    ReinviteReceived,
    RequestFailed,
    ResponseReceived,
    SessionExpired,
    UpdateReceived,
)
from sip.message import Request

if TYPE_CHECKING:
    from pbx.session import Session

_NO_PRACK = LegEnd(reason=Reason.CARRIER_ERROR, party=Party.SYSTEM, status=504, q850=102)
# RFC 4028 §10: the far end has gone without a word.
_EXPIRED = LegEnd(reason=Reason.CARRIER_ERROR, party=Party.SYSTEM, status=408, text="Session Expired", q850=102)


def attend(session: Session, leg: Leg, signal: SipSignal | MediaSignal) -> bool:
    """Deal with a signal that may come at any time; True where no verb needs to look at it.

    A leg that goes down by it has its `end` set; the verb is told by the signal itself.
    """
    event = signal.event
    match event:
        case ByeReceived(_, request):
            session.leg_down(leg, _bye_end(leg, request))
        case InviteCancelled(_, request):
            session.leg_down(leg, _cancel_end(request))
        case InviteFailed():
            session.leg_down(leg, failed_end(event))
        case DialogLost(_, status):
            session.leg_down(leg, LegEnd(reason=Reason.CARRIER_ERROR, party=Party.SYSTEM, status=status, q850=41))
        case AckMissing():
            # RFC 3261 §13.3.1.4: no ACK within 64*T1, the session is ended with a BYE.
            session.hang_up(leg, LegEnd(reason=Reason.CARRIER_ERROR, party=Party.SYSTEM, status=408, q850=102))
        case ReinviteReceived(_, tx, request, sdp) | UpdateReceived(_, tx, request, sdp):
            body = negotiation.body_of(request)
            reoffer.take_offer(session, leg, tx, body, sdp, isinstance(event, ReinviteReceived))
            return True
        case PrackReceived(_, tx, request, sdp):
            if tx:
                reoffer.take_offer(session, leg, tx, negotiation.body_of(request), sdp, False)
            return True
        case AnswerSent():
            for write_down in leg.on_answer:
                write_down()
            leg.on_answer.clear()
            return True
        case PrackMissing():
            session.leg_down(leg, _NO_PRACK)
        case RefreshDue(_, updates):
            reoffer.refresh(session, leg, updates)
            return True
        case SessionExpired():
            session.hang_up(leg, _EXPIRED)
        case DialogRequest(_, tx, request):
            _answer_request(session, leg, tx, request)
            return True
        case AckReceived(_, body, sdp):
            reoffer.take_late_answer(session, leg, body, sdp)
            return not leg.down
        case ResponseReceived() | RequestFailed():
            session.take_reply(event)
            return not leg.down
        case DigitReceived(digit=digit, duration_ms=duration_ms):
            digit_relay.pressed(session, leg, digit, duration_ms, "rtp")
            return True
        case DigitsSent(digits_id=digits_id):
            digit_relay.sent(session, leg, digits_id)
            return True
        case TapFailed(why=why):
            if session.recorder is not None:
                session.recorder.failed(leg, why)
            return True
        case PortSilent(silent_ms=silent_ms):
            if not session.node.media_watch.timed_out(leg, silent_ms):
                return True
            session.hang_up(leg, MEDIA_TIMEOUT)
        case _:
            return False
    return False


def _bye_end(leg: Leg, request: Request) -> LegEnd:
    # RFC 3261 §15: a caller may also end an early dialog by BYE, one whose answer it has not got among them.
    up = leg.state in (LegState.UP, LegState.HELD) and not leg.on_answer
    reason = Reason.NORMAL if up else Reason.CALLER_CANCELLED
    return LegEnd(reason=reason, party=leg.party, q850=reason_cause(request) or 16)


def _cancel_end(request: Request) -> LegEnd:
    return LegEnd(
        reason=Reason.CALLER_CANCELLED,
        party=Party.CALLER,
        status=487,
        text="Request Terminated",
        q850=reason_cause(request) or 16,
    )


def _answer_request(session: Session, leg: Leg, tx: int, request: Request) -> None:
    """OPTIONS is answered, INFO without a body is a sign of life, with one it brings a key; the rest is refused."""
    method = request.method
    if method == "OPTIONS" or (method == "INFO" and not request.body):
        session.node.send(Respond(tx=tx, status=200, headers=(("allow", ALLOW), ("accept", "application/sdp"))))
    elif method == "INFO":
        digit_relay.take_info(session, leg, tx, request)
    else:
        session.node.send(Respond(tx=tx, status=405))

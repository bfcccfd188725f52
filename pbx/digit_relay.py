"""Digit relay: a key that one leg presses reaches the other in its form, or the verb that collects keys.

Keys are never logged: they may be somebody's PIN.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from media.port_state import SentDigits
from pbx import digits
from pbx.digits import LegDigits
from pbx.inbox import DigitPressed, DigitSource
from pbx.leg import Leg, LegState
from sip.commands import Respond, SendInDialog
from sip.errors import SipError
from sip.events import RequestFailed, ResponseReceived
from sip.message import Request

if TYPE_CHECKING:
    from pbx.session import Session

# A far end that does not serve INFO, or not this body, whatever its Allow said.
_NO_INFO: Final = frozenset({405, 415, 501})


def pressed(session: Session, leg: Leg, digit: str, duration_ms: int, source: DigitSource) -> None:
    """A leg's far end pressed a key: on to the leg that it talks with; without one it is kept and told."""
    peer = leg.peer
    if peer is None or peer is leg or peer.down:
        press = DigitPressed(leg, leg.generation, digit, duration_ms, source)
        _of(leg).pressed.append(press)
        session.post(press)
    elif not leg.muted and peer.state is not LegState.HELD:
        send(session, peer, digit, duration_ms)


def send(session: Session, leg: Leg, digit: str, duration_ms: int) -> None:
    """Send a key to a leg's far end, in the form that it takes; none where it takes none."""
    duration_ms = digits.clamp_ms(duration_ms)
    known = _of(leg)
    form = digits.form_of(leg)
    if form in ("events", "tones"):
        if len(known.waiting) < digits.WAITING:
            known.waiting.append((digit, duration_ms))
        if known.sending is None:
            _dial(session, leg, known)
    elif form == "info":
        if len(known.informing) < digits.WAITING:
            known.informing.append((digit, duration_ms))
        _inform(session, leg)


def sent(session: Session, leg: Leg, digits_id: int) -> None:
    """A leg's port has sent a key; the next one follows."""
    known = _of(leg)
    if known.sending is None or known.sending.id != digits_id:
        return
    known.sending = None
    if known.waiting:
        _dial(session, leg, known)
    else:
        session.connect(leg)


def take_info(session: Session, leg: Leg, tx: int, request: Request) -> None:
    """Answer an INFO with a body, and take the key that it carries."""
    if "info-package" in request.headers:
        # RFC 6086 §4.2.2: we have announced none.
        session.node.send(Respond(tx=tx, status=469, reason="Bad Info Package", headers=(("recv-info", ""),)))
        return
    try:
        encoding = (request.headers.get("content-encoding") or "identity").strip().lower()
        if encoding != "identity":
            raise digits.UnknownForm(encoding)
        digit, duration_ms = digits.read_info(request.headers.get("content-type") or "", request.body)
    except digits.UnknownForm:
        session.node.send(Respond(tx=tx, status=415, headers=(("accept", digits.ACCEPTED),)))
        return
    except digits.BadDigit:
        session.node.send(Respond(tx=tx, status=400))
        return
    session.node.send(Respond(tx=tx, status=200))
    pressed(session, leg, digit, duration_ms, "info")


def _of(leg: Leg) -> LegDigits:
    if leg.digits is None:
        leg.digits = LegDigits()
    return leg.digits


def _dial(session: Session, leg: Leg, known: LegDigits) -> None:
    form = digits.form_of(leg)
    if form not in ("events", "tones"):
        # The call went over to a codec without events meanwhile.
        waiting = list(known.waiting)
        known.waiting.clear()
        for digit, duration_ms in waiting:
            send(session, leg, digit, duration_ms)
        return
    digit, duration_ms = known.waiting.popleft()
    known.last_id += 1
    events = digits.event_format(leg.agreement)
    known.sending = SentDigits(
        id=known.last_id,
        digits=digit,
        payload_type=0 if events is None else events.send_pt,
        clock_rate=8000 if events is None else events.clock_rate,
        duration_ms=duration_ms,
        tones=form == "tones",
    )
    session.connect(leg)


def _inform(session: Session, leg: Leg) -> None:
    # One at a time: two INFOs on their way may change places.
    known = _of(leg)
    if known.asking == leg.generation or not known.informing:
        return
    digit, duration_ms = known.informing.popleft()
    command = SendInDialog(
        usage=leg.usage,
        method="INFO",
        body=digits.write_info(digit, duration_ms),
        content_type=digits.DTMF_RELAY,
    )
    try:
        session.ask(leg, command, partial(_informed, session, leg))
    except SipError:
        # No dialog yet, or none any more: nobody is there to take keys.
        known.informing.clear()
        return
    known.asking = leg.generation


def _informed(session: Session, leg: Leg, reply: ResponseReceived | RequestFailed) -> None:
    known = _of(leg)
    known.asking = 0
    status = reply.status if isinstance(reply, RequestFailed) else reply.response.status
    if status in _NO_INFO:
        leg.takes_info = False
        known.informing.clear()
        session.log.info("INFO refused; keys do not reach this leg", leg=leg.id, status=status)
        return
    _inform(session, leg)

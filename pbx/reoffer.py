"""Re-offers: session descriptions that change a running call (RFC 3261 §14, RFC 3311), theirs and ours."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from media.codec import COMPANIONS
from media.offer_answer import CodecMismatch
from media.sdp import Format, SdpError, SessionDescription
from pbx import hold, mixing, negotiation
from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd
from pbx.reasons import Party, Reason
from sip.commands import Respond, SendInDialog
from sip.errors import LocalError
from sip.events import RequestFailed, ResponseReceived
from sip.offer_answer import Role

if TYPE_CHECKING:
    from pbx.session import Session

# What the asking side may be told as it is: its offer did not suit the other side, or crossed another.
_PASSED_ON = frozenset({415, 488, 491, 606})

MISMATCH = LegEnd(reason=Reason.CODEC_MISMATCH, party=Party.SYSTEM, status=488, q850=65)

# A far end that announced UPDATE and does not serve it after all.
_NO_UPDATE = frozenset({405, 501})
# 422: with the interval that it demands, which the stack has noted.
_LATER = frozenset({422, 491, 500})
_REFRESH_RETRY_S = 5.0

RETRIES = 3
"""How often an offer of ours that met another is made again."""


def take_offer(session: Session, leg: Leg, tx: int, body: bytes, sdp: Role | None, invite: bool) -> None:
    """Answer an INVITE or UPDATE within the dialog.

    Where the codecs in use still fit, the other leg does not notice; where the offer leaves only others, it is asked
    first, and its answer decides.
    """
    if sdp is not Role.OFFER and not invite:
        # RFC 3311 §5.2, RFC 4028 §7.4: it only refreshes, at any time.
        session.node.send(Respond(tx=tx, status=200))
        return
    if leg.port is None or leg.local_sdp is None:
        session.node.send(Respond(tx=tx, status=488))
        return
    if sdp is not Role.OFFER:
        # RFC 3261 §14.2: an INVITE without offer gets ours in the 2xx.
        body = negotiation.renew_offer(leg)
        leg.answer_due = bool(session.node.send(Respond(tx=tx, status=200, body=body)))
        return
    before = (leg.remote_sdp, leg.local_sdp, leg.agreement)
    codecs = leg.codecs
    if leg.agreement is not None and leg.peer is not None and leg.peer is not leg:
        codecs = negotiation.agreed_names(leg.agreement)
    try:
        negotiation.read_offer(leg, body)
        answer = negotiation.write_answer(leg, codecs)
    except (SdpError, CodecMismatch) as error:
        offer = leg.remote_sdp
        leg.remote_sdp, leg.local_sdp, leg.agreement = before
        if (
            not isinstance(error, CodecMismatch)
            or offer is None
            or (not _pass_on(session, leg, tx, offer) and not _answer_mixed(session, leg, tx, offer))
        ):
            session.node.send(Respond(tx=tx, status=488, headers=(negotiation.warning(error),)))
        return
    if session.node.send(Respond(tx=tx, status=200, body=answer)):
        settled(session, leg)
    else:
        leg.remote_sdp, leg.local_sdp, leg.agreement = before  # It was cancelled a moment ago.


def take_late_answer(session: Session, leg: Leg, body: bytes, sdp: Role | None) -> None:
    """The ACK of a 2xx that carried our offer brings the answer (RFC 3261 §13.3.1.4)."""
    if not leg.answer_due:
        if leg.peer is not None:
            # It may have been promised one codec by early sound, and be talking to a phone that took another.
            align(session, leg.peer)
        return
    leg.answer_due = False
    if sdp is not Role.ANSWER:
        session.hang_up(leg, MISMATCH)
        return
    try:
        leg.early_sdp = b""
        negotiation.take_answer(leg, body)
    except (SdpError, CodecMismatch):
        session.hang_up(leg, MISMATCH)
        return
    settled(session, leg)


def settled(session: Session, leg: Leg) -> None:
    """An exchange with a leg is complete: its port follows, and the other leg where it must."""
    hold.follow(session, leg)
    session.connect(leg)
    align(session, leg)


def narrow(session: Session, leg: Leg) -> None:
    """A leg is answered: it may have narrowed its choice before, and its peer does not know yet."""
    if leg.peer is not None and _speak_alike(leg, leg.peer):
        align(session, leg)


def align(session: Session, leg: Leg, tries: int = 0, *, sure: bool = False) -> None:
    """Make the peer of a leg speak what the leg hears: it is offered anew what both can where it would not.

    `tries` is how often such an offer has met another already; `sure`: the peer is known to have what the leg hears.
    """
    peer = _live_peer(leg)
    if peer is None or leg.agreement is None or peer.agreement is None:
        return
    heard = {form.name.lower() for form in leg.agreement.formats}
    if all(form.name.lower() in heard for form in peer.agreement.formats):
        return
    assert leg.remote_sdp is not None
    agreed = negotiation.agreed_names(leg.agreement)
    formats = negotiation.offered_formats(leg.remote_sdp, tuple(name for name in agreed if name in peer.codecs))
    if not sure and mixing.pair_mix(leg, peer) is not None and not _lists_any(peer, formats):
        # It has never shown that it has one of them: the mixer turns one into the other.
        session.connect(leg)
        return
    _offer(session, peer, formats, tries)


def _lists_any(leg: Leg, formats: tuple[Format, ...]) -> bool:
    """Whether a far end's last description lists one of these audio codecs."""
    names = {form.name.lower() for form in formats} - COMPANIONS
    return leg.remote_sdp is not None and any(
        form.name.lower() in names for line in leg.remote_sdp.media if line.port for form in line.formats
    )


def _offer(session: Session, leg: Leg, formats: tuple[Format, ...], tries: int) -> None:
    """Offer a leg these formats; made again a little later where it crosses an offer of the far end's."""
    if leg.down:
        return
    before = leg.local_sdp
    try:
        body = negotiation.write_offer(leg, formats)
        session.ask(
            leg,
            SendInDialog(usage=leg.usage, method="INVITE", body=body),
            partial(_take_reply, session, leg, tries, before),
        )
    except CodecMismatch:
        session.hang_up(leg, MISMATCH)
    except LocalError:
        leg.local_sdp = before
        _again(session, leg, tries)


def _again(session: Session, leg: Leg, tries: int) -> None:
    if leg.offer_due:
        return  # One is enough, however often its peer changes meanwhile.
    if tries < RETRIES:
        # RFC 3261 §14.1: whoever owns the Call-ID waits longer, so that one of the two goes first.
        rng = session.node.rng
        delay_s = rng.uniform(0.0, 2.0) if leg.inbound else rng.uniform(2.1, 4.0)
        leg.offer_due = True
        session.alarm(delay_s, partial(_offer_due, session, leg, tries + 1))
    else:
        session.log.warning("offer not taken", leg=leg.id, why="refused for now each time")


def _offer_due(session: Session, leg: Leg, tries: int) -> None:
    """Offer a leg what it should speak by now: its peer may have changed since."""
    leg.offer_due = False
    if leg.peer is not None:
        align(session, leg.peer, tries)


def _take_reply(
    session: Session,
    leg: Leg,
    tries: int,
    before: SessionDescription | None,
    reply: ResponseReceived | RequestFailed,
) -> None:
    if _conclude(leg, reply):
        hold.follow(session, leg)
        session.connect(leg)
        return
    # RFC 3261 §14.1: what was refused never held; a refresh must not offer it again.
    leg.local_sdp = before
    status = reply.status if isinstance(reply, RequestFailed) else reply.response.status
    if status in (422, 491):
        _again(session, leg, tries)
        return
    session.log.info("offer refused", leg=leg.id, status=status)
    if leg.peer is None or _can_hear(leg, leg.peer):
        session.connect(leg)
        return
    session.hang_up(leg, MISMATCH)


def _can_hear(a: Leg, b: Leg) -> bool:
    """Whether two legs understand each other as they are, or by way of the mixer."""
    return _speak_alike(a, b) or mixing.pair_mix(a, b) is not None


def _speak_alike(a: Leg, b: Leg) -> bool:
    if a.agreement is None or b.agreement is None:
        return False
    names = {form.name.lower() for form in a.agreement.formats}
    return any(form.name.lower() in names for form in b.agreement.formats)


def _conclude(leg: Leg, reply: ResponseReceived | RequestFailed) -> bool:
    """Take a leg's answer to our offer; False, and all is as before, where it gave none that can be used."""
    if isinstance(reply, RequestFailed) or reply.response.status >= 300 or reply.sdp is not Role.ANSWER:
        return False
    leg.early_sdp = b""
    try:
        negotiation.take_answer(leg, negotiation.body_of(reply.response))
    except (SdpError, CodecMismatch):
        return False
    return True


# -- refreshes


def refresh(session: Session, leg: Leg, updates: bool) -> None:
    """Refresh the session with a leg (RFC 4028 §7.4): nothing changes, the description stays the same."""
    if leg.down or leg.local_sdp is None:
        return
    body = b"" if updates else leg.local_sdp.encode()
    command = SendInDialog(usage=leg.usage, method="UPDATE" if updates else "INVITE", body=body)
    try:
        session.ask(leg, command, partial(_refreshed, session, leg, updates))
    except LocalError:
        # Another exchange is under way; if that does not refresh the session, this will.
        session.alarm(_REFRESH_RETRY_S, partial(refresh, session, leg, updates))


def _refreshed(session: Session, leg: Leg, updates: bool, reply: ResponseReceived | RequestFailed) -> None:
    status = reply.status if isinstance(reply, RequestFailed) else reply.response.status
    if updates and status in _NO_UPDATE:
        refresh(session, leg, False)
    elif status in _LATER:
        session.alarm(_REFRESH_RETRY_S, partial(refresh, session, leg, updates))
    elif not updates and _conclude(leg, reply):
        settled(session, leg)


# -- end to end


def _pass_on(session: Session, leg: Leg, tx: int, offer: SessionDescription) -> bool:
    """Offer the peer what a leg now offers; its answer decides. False where there is no use in it."""
    peer = _live_peer(leg)
    if peer is None:
        return False
    formats = negotiation.offered_formats(offer, tuple(name for name in leg.codecs if name in peer.codecs))
    before = peer.local_sdp
    try:
        command = SendInDialog(usage=peer.usage, method="INVITE", body=negotiation.write_offer(peer, formats))
        session.ask(peer, command, partial(_answer_after, session, leg, tx, offer, peer, before))
    except CodecMismatch:
        return False
    except LocalError:
        # The peer asks for something itself at this moment.
        peer.local_sdp = before
        session.node.send(Respond(tx=tx, status=491))
    return True


def _answer_after(
    session: Session,
    leg: Leg,
    tx: int,
    offer: SessionDescription,
    peer: Leg,
    before: SessionDescription | None,
    reply: ResponseReceived | RequestFailed,
) -> None:
    """The peer has answered what was passed on: answer the leg that asked."""
    if leg.down:
        return
    if not _conclude(peer, reply):
        peer.local_sdp = before
        status = reply.status if isinstance(reply, RequestFailed) else reply.response.status
        if status == 491 or not _answer_mixed(session, leg, tx, offer):
            session.node.send(Respond(tx=tx, status=status if status in _PASSED_ON else 488))
        return
    assert peer.agreement is not None
    saved = (leg.remote_sdp, leg.local_sdp, leg.agreement)
    try:
        leg.remote_sdp = offer
        answer = negotiation.write_answer(leg, negotiation.agreed_names(peer.agreement))
    except (SdpError, CodecMismatch) as error:
        leg.remote_sdp, leg.local_sdp, leg.agreement = saved
        session.node.send(Respond(tx=tx, status=488, headers=(negotiation.warning(error),)))
        align(session, leg)
        return
    if not session.node.send(Respond(tx=tx, status=200, body=answer)):
        # Cancelled meanwhile: the leg speaks as before, and the peer is brought back.
        leg.remote_sdp, leg.local_sdp, leg.agreement = saved
        hold.follow(session, peer)
        session.connect(leg)
        align(session, leg, sure=True)
        return
    hold.follow(session, peer)
    hold.follow(session, leg)
    session.connect(leg)


def _answer_mixed(session: Session, leg: Leg, tx: int, offer: SessionDescription) -> bool:
    """Answer a leg whose peer stays with another codec: each is turned into the other. False where one cannot be."""
    peer = leg.peer
    if peer is None or peer is leg or mixing.voice_of(peer.agreement) is None:
        return False
    saved = (leg.remote_sdp, leg.local_sdp, leg.agreement)
    names = tuple(name for name in leg.codecs if name in COMPANIONS or name in mixing.decodable())
    try:
        leg.remote_sdp = offer
        answer = negotiation.write_answer(leg, names)
    except (SdpError, CodecMismatch):
        leg.remote_sdp, leg.local_sdp, leg.agreement = saved
        return False
    if session.node.send(Respond(tx=tx, status=200, body=answer)):
        hold.follow(session, leg)
    else:
        leg.remote_sdp, leg.local_sdp, leg.agreement = saved
    session.connect(leg)
    return True


def _live_peer(leg: Leg) -> Leg | None:
    """The other leg of an answered pair; an echo has none."""
    peer = leg.peer
    talking = (LegState.UP, LegState.HELD)
    if peer is None or peer is leg or peer.state not in talking or leg.state not in talking:
        return None
    return peer

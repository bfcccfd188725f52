"""Outbound: a leg of ours towards a target: its port, and the INVITE that rings it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.allocator import NoPortsLeft
from media.offer_answer import CodecMismatch
from media.sdp import Format
from pbx import negotiation
from pbx.leg import Leg
from pbx.leg_end import LegEnd
from pbx.reasons import Party, Reason
from sip.commands import SendInvite
from sip.errors import SipError
from sip.flow import Flow, Target
from sip.name_addr import NameAddr
from sip.uri import SipUri

if TYPE_CHECKING:
    from pbx.session import Session

NO_PORTS = LegEnd(reason=Reason.MEDIA_FAILED, party=Party.SYSTEM, status=503, q850=47)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialTarget:
    """One thing to ring: a device's binding or a trunk's peer."""

    hop: Flow | Target
    uri: str
    number: str
    host: str | None
    """Our address as the target reaches it; None: that of the caller's leg."""
    codecs: tuple[str, ...]
    dtmf: str = "auto"
    device: str | None = None
    trunk: str | None = None
    routes: tuple[str, ...] = ()
    to: str | None = None
    """Whom the far end is told it is: an extension's address of record; None: the Request-URI."""


def open_leg(session: Session, target: DialTarget, near: Leg, kind: str) -> Leg:
    """A new leg with a port beside that of `near`. Raises NoPortsLeft; the leg is down then."""
    leg = session.node.new_leg(
        session,
        session.call.id,
        kind=kind,
        inbound=False,
        usage=0,
        host=target.host or near.host,
        source=None,
        number=target.number,
        device=target.device,
        trunk=target.trunk,
        codecs=target.codecs,
        sip_call_id=None,
    )
    leg.dtmf = target.dtmf
    try:
        session.open_port(leg, near)
    except NoPortsLeft:
        session.leg_down(leg, NO_PORTS)
        raise
    return leg


def invite(session: Session, leg: Leg, target: DialTarget, from_: str, formats: tuple[Format, ...]) -> None:
    """Ring a leg with an offer of these formats. Raises CodecMismatch (none of them is audio), SipError.

    The session has the leg then; where the INVITE cannot go, its port is given back.
    """
    try:
        command = SendInvite(
            target=target.hop,
            uri=target.uri,
            from_=from_,
            to=f"<{target.to or target.uri}>",
            contact_user=session.call.caller,
            body=negotiation.write_offer(leg, formats),
            headers=tuple(("route", route) for route in target.routes),
            call_id=leg.sip_call_id,
            max_forwards=session.call.max_forwards - 1,
        )
        leg.usage = session.node.send(command)
    except (SipError, CodecMismatch):
        session.drop_port(leg)
        raise
    session.add_leg(leg)


def caller_address(session: Session) -> str:
    """The From of outbound legs: the caller's number in the tenant's domain."""
    call = session.call
    uri = SipUri(user=call.caller or "anonymous", host=session.tenant.domain)
    return str(NameAddr(display=call.caller_name or "", uri=uri))

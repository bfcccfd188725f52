"""Hold: who holds a call hears nothing, who is held hears music (RFC 3264 §8.4, RFC 6337 §5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.events import LegHeld, LegResumed
from pbx.leg import Leg, LegState

if TYPE_CHECKING:
    from pbx.session import Session

_DEAF = ("recvonly", "inactive")
"""Our directions towards a far end that does not listen: it said sendonly, inactive or the address 0.0.0.0."""


def follow(session: Session, leg: Leg) -> bool:
    """A leg's exchange is complete: it may have put the call on hold by it, or taken it back; whether it has."""
    if leg.agreement is None or leg.state not in (LegState.UP, LegState.HELD):
        return False
    _retune(session, leg)
    holds = leg.agreement.direction in _DEAF
    if holds == (leg.state is LegState.HELD):
        return False
    call = session.call.id
    if holds:
        leg.state = LegState.HELD
        session.node.journal.emit(LegHeld(call=call, leg=leg.id))
    else:
        leg.state = LegState.UP
        session.node.journal.emit(LegResumed(call=call, leg=leg.id))
    source = session.tenant.hold_source
    leg.muted = holds and source != "device"
    peer = leg.peer
    if peer is not None and peer is not leg and not peer.down:
        peer.player = session.node.sounds.music(peer.agreement) if holds and source == "music" else None
    return True


def _retune(session: Session, leg: Leg) -> None:
    """Who hears music may have gone over to another codec: it goes on in that."""
    player, peer = leg.player, leg.peer
    if player is None or peer is None or peer.state is not LegState.HELD or session.tenant.hold_source != "music":
        return
    music = session.node.sounds.music(leg.agreement)
    if music is None or (music.path, music.payload_type) != (player.path, player.payload_type):
        leg.player = music

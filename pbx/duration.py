"""Duration: an answered call lasts as long as its tenant and its trunks allow, and is warned before it is cut."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd
from pbx.reasons import Party, Reason
from pbx.session import CallOver

if TYPE_CHECKING:
    from pbx.session import Session

WARNING_S = 30.0
"""How long before the end both sides hear the warning tone."""

CUT = LegEnd(reason=Reason.MAX_DURATION, party=Party.SYSTEM, q850=16)


def limit(session: Session, *legs: Leg) -> None:
    """From now on the call has so long as the strictest of its limits says."""
    tenant = session.tenant
    seconds = tenant.facts.max_duration_s
    for leg in legs:
        trunk = tenant.trunk(leg.trunk) if leg.trunk is not None else None
        if trunk is not None and trunk.max_duration_s is not None:
            seconds = trunk.max_duration_s if seconds is None else min(seconds, trunk.max_duration_s)
    if seconds is None:
        return
    if seconds > WARNING_S:
        session.alarm(seconds - WARNING_S, partial(_warn, session))
    else:
        session.alarm(seconds, _cut)


def _warn(session: Session) -> None:
    """The tone to everybody who talks; who hears music or a prompt is not disturbed. The end follows."""
    session.alarm(WARNING_S, _cut)
    tenant = session.tenant
    for leg in session.call.active_legs:
        if leg.state is LegState.UP and leg.player is None:
            leg.player = session.node.sounds.player("warning", tenant.prompt_language, tenant.country, leg.agreement, 1)
            session.connect(leg)


def _cut() -> None:
    raise CallOver(CUT)

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
    trunks = (session.tenant.trunk(leg.trunk) for leg in legs if leg.trunk is not None)
    limits = [session.tenant.facts.max_duration_s, *(trunk.max_duration_s for trunk in trunks if trunk is not None)]
    given = [seconds for seconds in limits if seconds is not None]
    if not given:
        return
    seconds = min(given)
    if seconds > WARNING_S:
        session.alarm(seconds - WARNING_S, partial(_warn, session))
    session.alarm(seconds, _cut)


def _warn(session: Session) -> None:
    """The tone to everybody who talks; who hears music or a prompt is not disturbed."""
    tenant = session.tenant
    for leg in session.call.active_legs:
        if leg.state is LegState.UP and leg.player is None:
            leg.player = session.node.sounds.player("warning", tenant.prompt_language, tenant.country, leg.agreement, 1)
            session.connect(leg)


def _cut() -> None:
    raise CallOver(CUT)

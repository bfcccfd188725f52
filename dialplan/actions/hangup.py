"""End the call at once, with the configured cause."""

from __future__ import annotations

from pbx.control import CallControl
from pbx.destination import HangupDestination
from pbx.leg_end import LegEnd
from pbx.reasons import Party, from_sip, to_sip
from pbx.session import CallOver


async def hang_up(control: CallControl, destination: HangupDestination) -> None:
    """Refuse with the SIP status of the Q.850 cause (RFC 3398 §8.2.6.1)."""
    control.routed("hangup", str(destination.cause), control.call.called)
    status = to_sip(destination.cause)
    reason = from_sip(status, destination.cause)
    raise CallOver(LegEnd(reason=reason, party=Party.SYSTEM, status=status, q850=destination.cause))

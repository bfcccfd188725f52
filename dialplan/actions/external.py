"""Call a number outside: the trunk's peers in order, the next one where a peer does not do its part."""

from __future__ import annotations

from pbx.control import CallControl
from pbx.destination import ExternalDestination
from pbx.dial import DialFailed
from pbx.leg import Leg
from pbx.leg_end import LegEnd
from pbx.reasons import Party, Reason
from pbx.snapshot import TrunkSnapshot
from pbx.targets import trunk_target

# The line's fault, not the callee's: the next peer may do better.
FAIL_CODES = frozenset({401, 403, 407, 408, 500, 501, 502, 503, 504})


async def call_outside(control: CallControl, destination: ExternalDestination) -> None:
    """Dial by a trunk, bridge, and end the call when either side leaves."""
    number = destination.number or control.call.called
    trunk = control.tenant.trunk(destination.trunk)
    control.routed("external", destination.trunk, number)
    if trunk is None or not trunk.enabled or not trunk.peers:
        raise control.finish(Reason.NO_TRUNK)
    if not control.occupy_trunk(trunk, "out"):
        raise control.finish(Reason.NO_TRUNK)
    if not await control.trunk_turn(trunk):
        raise control.finish(Reason.BLOCKED_LIMIT)
    await control.bridge(await _dial_peers(control, trunk, number))


async def _dial_peers(control: CallControl, trunk: TrunkSnapshot, number: str) -> Leg:
    end = LegEnd(reason=Reason.NO_TRUNK, party=Party.SYSTEM)
    for peer in trunk.peers:
        try:
            return await control.dial(
                [trunk_target(trunk, peer, number)],
                min(trunk.setup_timeout_s, control.tenant.external_ring_s),
                control.caller_address(),
                progress_s=trunk.progress_timeout_s,
            )
        except DialFailed as failure:
            end = failure.end
            if end.status is not None and end.status not in FAIL_CODES:
                break
            if end.status is None and end.reason is Reason.NO_ANSWER:
                break  # It rang until our own limit.
    raise control.finish(end.reason, end)

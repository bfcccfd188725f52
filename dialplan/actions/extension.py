"""Ring an extension: all its devices together, the first to answer wins."""

from __future__ import annotations

from pbx.control import CallControl
from pbx.destination import ExtensionDestination
from pbx.dial import DialFailed
from pbx.reasons import Reason


async def ring_extension(control: CallControl, destination: ExtensionDestination) -> None:
    """Ring, bridge, and end the call when either side leaves."""
    extension = control.tenant.extension(destination.number)
    if extension is None or not extension.enabled:
        raise control.finish(Reason.DESTINATION_UNAVAILABLE)
    control.routed("extension", extension.number, extension.number)
    if not control.occupy_extension(extension):
        raise control.finish(Reason.BUSY)
    targets = control.extension_targets(extension)
    if not targets:
        raise control.finish(Reason.OFFLINE)
    try:
        leg = await control.dial(targets, extension.ring_timeout_s, control.caller_address())
    except DialFailed as failure:
        raise control.finish(failure.end.reason, failure.end) from failure
    await control.bridge(leg)

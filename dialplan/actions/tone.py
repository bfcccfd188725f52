"""Play a tone as a destination, for at most 20 s."""

from __future__ import annotations

from pbx.control import CallControl
from pbx.destination import ToneDestination
from pbx.reasons import Reason

LIMIT_S = 20.0

# What the call ends with after its tone.
_ENDINGS: dict[str, Reason] = {
    "busy": Reason.BUSY,
    "congestion": Reason.CARRIER_ERROR,
    "ringback": Reason.NO_ANSWER,
}


async def play_tone(control: CallControl, destination: ToneDestination) -> None:
    """Before the answer, so that nobody pays for it."""
    control.routed("tone", destination.name, control.call.called)
    if control.can_hear(control.codecs_with_sound):
        control.progress(control.codecs_with_sound)
        await control.play(destination.name, None, limit_s=LIMIT_S)
    raise control.finish(_ENDINGS.get(destination.name, Reason.NORMAL))

"""Use a built-in function by its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pbx.control import CallControl
from pbx.destination import FeatureDestination
from pbx.reasons import Reason
from pbx.speech.say import say_plan
from pbx.speech.say_item import SayError


async def echo(control: CallControl) -> None:
    """Give back what the caller says: hears whether sound goes both ways, and how late."""
    await control.echo()


async def own_number(control: CallControl) -> None:
    """Answer, say the caller's own number twice, end."""
    control.answer(control.codecs_with_sound)
    try:
        digits = say_plan("phone", control.call.caller, control.tenant.prompt_language)
    except SayError:
        raise control.finish(Reason.DESTINATION_UNAVAILABLE) from None  # A name, or nothing: no digits to be said.
    await control.play(("your-number-is", *digits), 2)
    raise control.finish(Reason.NORMAL)


FEATURES: dict[str, Callable[[CallControl], Awaitable[None]]] = {
    "echo": echo,
    "own_number": own_number,
}


async def use_feature(control: CallControl, destination: FeatureDestination) -> None:
    """Run the function; one that this server does not have ends the call."""
    control.routed("feature", destination.target, control.call.called)
    function = FEATURES.get(destination.target)
    if function is None:
        raise control.finish(Reason.DESTINATION_UNAVAILABLE)
    await function(control)

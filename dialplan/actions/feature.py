"""Use a built-in function by its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pbx.control import CallControl
from pbx.destination import FeatureDestination
from pbx.reasons import Reason


async def echo(control: CallControl) -> None:
    """Give back what the caller says: hears whether sound goes both ways, and how late."""
    await control.echo()


FEATURES: dict[str, Callable[[CallControl], Awaitable[None]]] = {
    "echo": echo,
}


async def use_feature(control: CallControl, destination: FeatureDestination) -> None:
    """Run the function; one that this server does not have ends the call."""
    control.routed("feature", destination.target, control.call.called)
    function = FEATURES.get(destination.target)
    if function is None:
        raise control.finish(Reason.DESTINATION_UNAVAILABLE)
    await function(control)

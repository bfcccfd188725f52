"""Announcements: a prompt as a destination, and what is said of numbers that lead nowhere."""

from __future__ import annotations

from pbx.control import CallControl
from pbx.destination import PromptDestination
from pbx.reasons import Reason
from pbx.verbs.playing import Played


async def play_prompt(control: CallControl, destination: PromptDestination) -> None:
    """Answer, play, end."""
    control.routed("prompt", destination.name, control.call.called)
    control.answer(control.codecs_with_sound)
    if await control.play(destination.name, destination.plays) is Played.UNHEARD:
        raise control.finish(Reason.DESTINATION_UNAVAILABLE)
    raise control.finish(Reason.NORMAL)


async def not_in_service(control: CallControl, _: None) -> None:
    """Say it before the answer, so that nobody pays for it, then refuse with 404."""
    control.routed("not_in_service", None, control.call.called)
    if control.can_hear(control.codecs_with_sound):
        control.progress(control.codecs_with_sound)
        await control.play("not-in-service")
    raise control.finish(Reason.INVALID_NUMBER)

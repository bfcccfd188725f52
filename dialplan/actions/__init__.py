"""Actions: what a step does, by the type of its destination. A new action is a new file and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dialplan.actions.announcement import not_in_service, play_prompt
from dialplan.actions.conference import join_conference
from dialplan.actions.extension import ring_extension
from dialplan.actions.external import call_outside
from dialplan.actions.feature import use_feature
from dialplan.actions.hangup import hang_up
from dialplan.actions.tone import play_tone
from pbx.control import CallControl

Action = Callable[[CallControl, Any], Awaitable[None]]

ACTIONS: dict[str, Action] = {
    "extension": ring_extension,
    "external": call_outside,
    "feature": use_feature,
    "prompt": play_prompt,
    "tone": play_tone,
    "hangup": hang_up,
    "conference": join_conference,
    "not_in_service": not_in_service,
}

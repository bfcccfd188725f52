"""Collecting: keys of one leg, in whatever form they come, while a prompt plays and behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.key_entry import Entry, KeyEntry, KeyRules
from pbx.verbs.playing import Playback, keys_wait

if TYPE_CHECKING:
    from pbx.leg import Leg
    from pbx.session import Session


async def collect(
    session: Session, leg: Leg, rules: KeyRules, prompt: Playback | None = None, *, barge_in: bool = True
) -> Entry:
    """Digits that the far end presses, those that wait from before first. Raises LegGone.

    The times begin when the prompt is over. With `barge_in` the first key ends the prompt; without it keys pressed
    meanwhile are forgotten. Nothing of what is pressed is written down.
    """
    entry = KeyEntry(rules)
    if prompt is not None and not barge_in:
        _forget(leg)
    if prompt is not None and not (barge_in and keys_wait(leg)):
        prompt.start()
    else:
        prompt = None
        entry.begin(session.node.clock.now())
    while True:
        if prompt is None or barge_in:
            found = _press(session, leg, entry, prompt)
            if found is not None:
                return found
            if prompt is not None and entry.deadline is not None:
                prompt = None
        signal = await session.next(entry.deadline)
        session.need(leg)
        if signal is None:
            return entry.expire()
        if prompt is not None and prompt.outcome(signal) is not None:
            prompt = None
            if not barge_in:
                _forget(leg)
            entry.begin(session.node.clock.now())


def _press(session: Session, leg: Leg, entry: KeyEntry, prompt: Playback | None) -> Entry | None:
    """Take the keys that wait, as many as the entry needs; the others wait for the next one."""
    known = leg.digits
    while known is not None and known.pressed:
        if prompt is not None:
            prompt.stop()
            prompt = None
        press = known.pressed.popleft()
        found = entry.press(press.digit, session.node.clock.now())
        if found is not None:
            return found
    return None


def _forget(leg: Leg) -> None:
    if leg.digits is not None:
        leg.digits.pressed.clear()

"""Speaking: a text of a call, spoken by the engine in the records process while the caller waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.events import SpeechFailed
from pbx.speech.request import SpeechError
from pbx.speech.template import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media.port_state import Player
    from pbx.leg import Leg
    from pbx.session import Session
    from pbx.speech.voice import Voice


async def spoken(
    session: Session, leg: Leg, text: str, variables: Mapping[str, str], language: str, voice: Voice | None
) -> Player | None:
    """A player of the text, or None and an event where it was not spoken within two seconds. Raises LegGone."""
    node, agreement = session.node, leg.agreement
    codecs = [form.name.lower() for form in agreement.formats] if agreement is not None else []
    try:
        if node.speech is None:
            raise SpeechError("this node has no speech")
        texts = sentences(text, variables)
        files = await session.outcome_of(leg, node.speech.speak(texts, language, codecs, voice))
        player = node.sounds.spoken(files, agreement)
        if player is None:
            raise SpeechError("no codec of the leg's can be spoken")
        return player
    except SpeechError as error:
        session.log.warning("text not spoken", why=str(error))
        node.journal.emit(SpeechFailed(call=leg.call_id, leg=leg.id, language=language, why=str(error)[:200]))
        return None

"""Supervision: a third leg that listens to a call of two, whispers to one of them, or talks with both.

The pair goes from the relay into a room of the mixer and back; their phones are told nothing.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Final

from media.allocator import NoPortsLeft
from media.codec import COMPANIONS
from media.mix_state import Mix
from media.offer_answer import CodecMismatch
from media.sdp import SdpError
from pbx import mixing, negotiation
from pbx.conference import NARROW_HZ, WIDE_HZ
from pbx.dial import ANSWERED_ELSEWHERE, NO_ANSWER
from pbx.digits import takes_info
from pbx.events import LegAnswered, LegRinging, SupervisionChanged, SupervisionEnded
from pbx.inbox import DigitPressed, SipSignal
from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd
from pbx.outbound import caller_address, invite, open_leg
from pbx.reasons import Party, Reason
from pbx.reoffer import MISMATCH
from sip.errors import SipError
from sip.events import InviteAnswered, InviteProgress

if TYPE_CHECKING:
    from pbx.outbound import DialTarget
    from pbx.session import Arrival, Session

KIND: Final = "supervisor"
RING_S: Final = 30.0


class Mode(Enum):
    """Who hears the supervisor: nobody, the agent alone, both."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


_KEYS: Final = {"4": Mode.LISTEN, "5": Mode.WHISPER, "6": Mode.BARGE}


class CannotSupervise(Exception):
    """The call is not one of two that can be mixed, or nobody can be rung; the message says which."""


class Supervision:
    """Of one call by one extension; it ends with either. `agent` is the one of the pair that is whispered to."""

    def __init__(self, session: Session, extension: str, mode: Mode, by: str) -> None:
        caller = session.call.legs[0]
        agent = caller.peer
        up = (LegState.UP, LegState.HELD)
        if agent is None or agent is caller or caller.state not in up or agent.state not in up:
            raise CannotSupervise("the call is not one of two that talk")
        if mixing.voice_of(caller.agreement) is None or mixing.voice_of(agent.agreement) is None:
            raise CannotSupervise("the codec of the call cannot be decoded here")
        self._session = session
        self.extension = extension
        self.mode = mode
        self._by = by
        self._pair = (caller, agent)
        self._ringing: list[Leg] = []
        self._leg: Leg | None = None
        self._room = session.node.conferences.new_number()

    def ring(self, targets: list[DialTarget]) -> None:
        """Ring the supervisor's phones; the first to answer hears. Raises CannotSupervise where none can be rung."""
        for target in targets:
            self._start(target)
        if not self._ringing:
            raise CannotSupervise(f"extension {self.extension} cannot be rung now")
        self._session.supervision = self
        self._session.alarm(RING_S, self._unanswered)

    def switch(self, mode: Mode, by: str) -> None:
        """Go over to another mode."""
        self.mode, self._by = mode, by
        if self._leg is not None:
            self._mix(self._leg)

    def take(self, signal: Arrival) -> bool:
        """Look at a signal that no verb has taken yet; True where it is of the supervisor's leg."""
        leg = signal.leg
        if leg.kind != KIND:
            if leg.down and leg in self._pair:
                self.end()
            return False
        if leg.down:
            self._gone(leg)
        elif isinstance(signal, DigitPressed):
            if leg.digits is not None:
                leg.digits.pressed.clear()
            if signal.digit in _KEYS and leg is self._leg:
                self.switch(_KEYS[signal.digit], "key")
        elif isinstance(signal, SipSignal):
            if isinstance(signal.event, InviteProgress) and leg.state is LegState.NEW:
                leg.state = LegState.RINGING
                self._session.node.journal.emit(LegRinging(call=leg.call_id, leg=leg.id, early_media=False))
            elif isinstance(signal.event, InviteAnswered):
                self._answered(leg, signal.event)
        return True

    def _start(self, target: DialTarget) -> None:
        session = self._session
        names = tuple(name for name in target.codecs if name in COMPANIONS or name in mixing.decodable())
        try:
            leg = open_leg(session, target, self._pair[0], KIND)
            invite(session, leg, target, caller_address(session), negotiation.own_formats(names))
        except (NoPortsLeft, SipError, CodecMismatch) as error:
            session.log.warning("supervisor cannot be rung", uri=target.uri, why=str(error))
            return
        self._ringing.append(leg)

    def _answered(self, leg: Leg, event: InviteAnswered) -> None:
        session = self._session
        leg.state = LegState.UP
        leg.takes_info = takes_info(event.response)
        with suppress(SdpError, CodecMismatch):
            negotiation.take_answer(leg, negotiation.body_of(event.response))
        if mixing.voice_of(leg.agreement) is None:
            session.hang_up(leg, MISMATCH)
            self._gone(leg)
            return
        self._leg = leg
        for other in self._ringing:
            if other is not leg:
                session.hang_up(other, ANSWERED_ELSEWHERE)
        self._ringing.clear()
        assert leg.agreement is not None
        codec = leg.agreement.formats[0].name if leg.agreement.formats else None
        session.node.journal.emit(LegAnswered(call=leg.call_id, leg=leg.id, codec=codec))
        self._mix(leg)

    def _mix(self, leg: Leg) -> None:
        """Put the three where the mode wants them."""
        caller, agent = self._pair
        wide = any(mixing.is_wide(one.agreement) for one in (caller, agent, leg))
        rate_hz = WIDE_HZ if wide else NARROW_HZ
        assert leg.port is not None
        whispers = ((leg.port.id, 0.0),) if self.mode is Mode.WHISPER else ()
        caller.mix = Mix(room=self._room, rate_hz=rate_hz)
        agent.mix = Mix(room=self._room, rate_hz=rate_hz, hears=whispers)
        leg.mix = Mix(room=self._room, rate_hz=rate_hz, muted=self.mode is not Mode.BARGE)
        # Each put of one of the pair is one of its peer too; the first of them is complete.
        self._session.connect(caller)
        self._session.connect(leg)
        self._session.node.journal.emit(
            SupervisionChanged(
                call=leg.call_id, leg=leg.id, extension=self.extension, mode=self.mode.value, by=self._by
            )
        )

    def _unanswered(self) -> None:
        for leg in list(self._ringing):
            self._session.hang_up(leg, NO_ANSWER)
            self._gone(leg)

    def _gone(self, leg: Leg) -> None:
        if leg in self._ringing:
            self._ringing.remove(leg)
        if self._leg in (None, leg) and not self._ringing:
            self.end()

    def end(self) -> None:
        """Back to the relay; what is left of the supervisor's legs is ended."""
        session = self._session
        if session.supervision is not self:
            return
        session.supervision = None
        heard, leg = self._leg is not None, self._leg
        for one in (*self._ringing, *(() if leg is None else (leg,))):
            session.hang_up(one, LegEnd(reason=Reason.NORMAL, party=Party.SYSTEM, q850=16))
        for one in self._pair:
            one.mix = None
        up = next((one for one in self._pair if not one.down), None)
        if heard and up is not None:
            session.connect(up)
        session.node.journal.emit(SupervisionEnded(call=session.call.id, extension=self.extension, heard=heard))

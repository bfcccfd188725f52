"""Dial: outbound legs that ring together; the first to answer wins, the others are told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.allocator import NoPortsLeft
from media.codec import COMPANIONS
from media.offer_answer import CodecMismatch
from media.sdp import Format, SdpError
from pbx import mixing, negotiation
from pbx.digits import takes_info
from pbx.events import LegAnswered, LegRinging
from pbx.inbox import SipSignal
from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd
from pbx.outbound import NO_PORTS, DialTarget, invite, open_leg
from pbx.reasons import Party, Reason
from sip.commands import Respond
from sip.errors import SipError
from sip.events import InviteAnswered, InviteProgress
from sip.offer_answer import Role

if TYPE_CHECKING:
    from pbx.session import Session

ANSWERED_ELSEWHERE = LegEnd(reason=Reason.PICKED_UP, party=Party.SYSTEM, q850=26)
"""Q.850 cause 26: non-selected user clearing."""

NO_ANSWER = LegEnd(reason=Reason.NO_ANSWER, party=Party.SYSTEM, q850=19)
UNDIALLABLE = LegEnd(reason=Reason.NO_ROUTE, party=Party.SYSTEM, status=404, q850=3)
NO_PROGRESS = LegEnd(reason=Reason.OFFLINE, party=Party.SYSTEM, q850=20)

# RFC 3261 §21.4.13, §21.4.26, §21.6.4: what the callee says of an offer that does not suit it.
_NO_CODEC = frozenset({415, 488, 606})

# Of several failures the one that tells the caller most: a busy phone before a silent one before one that is off.
_RANK: dict[Reason, int] = {
    Reason.BUSY: 0,
    Reason.REJECTED: 1,
    Reason.NO_ANSWER: 2,
    Reason.CODEC_MISMATCH: 3,
    Reason.INVALID_NUMBER: 4,
    Reason.OFFLINE: 9,
}


class DialFailed(Exception):
    """Nobody answered; `end` is what the caller is told."""

    def __init__(self, end: LegEnd) -> None:
        super().__init__(end.reason.value)
        self.end = end


class Dial:
    """One attempt to reach somebody on behalf of a caller's leg."""

    def __init__(self, session: Session, caller: Leg, from_: str) -> None:
        self._session = session
        self._caller = caller
        self._from = from_
        self._legs: list[Leg] = []
        self._failures: list[LegEnd] = []
        self._plain: dict[str, DialTarget] = {}
        """By leg, what was offered only what the caller speaks: it may have a codec that we can turn into that."""
        self._answers: dict[tuple[str, str | None], bytes] = {}
        """Answers in reliable provisional responses, by leg and fork: the 2xx of that fork may repeat none."""

    async def run(self, targets: list[DialTarget], timeout_s: float, progress_s: float | None = None) -> Leg:
        """Ring all targets and return the leg that answered; its agreement is concluded, the caller not yet answered.

        Raises DialFailed when nobody answers within `timeout_s`, or nobody rings within `progress_s`, and LegGone when
        the caller leaves.
        """
        session = self._session
        try:
            # The caller's port now, with the others: all go to the worker in one message.
            session.open_port(self._caller)
        except NoPortsLeft as error:
            raise DialFailed(NO_PORTS) from error
        for target in targets:
            self._start(target)
        session.checkpoint("dial", numbers=[target.number for target in targets])
        now = session.node.clock.now()
        deadline = now + timeout_s
        progress = deadline if progress_s is None else min(deadline, now + progress_s)
        while self._ringing():
            silent = all(leg.state is LegState.NEW for leg in self._ringing())
            signal = await session.next(progress if silent else deadline)
            if signal is None:
                end = NO_PROGRESS if silent else NO_ANSWER
                self._give_up(end)
                raise DialFailed(end)
            if self._caller.down:
                assert self._caller.end is not None
                self._give_up(self._caller.end)
                session.need(self._caller)
            if isinstance(signal, SipSignal) and signal.leg in self._legs:
                answered = self._on_signal(signal)
                if answered is not None:
                    return answered
        raise DialFailed(self._verdict())

    def _ringing(self) -> list[Leg]:
        return [leg for leg in self._legs if not leg.down]

    def _give_up(self, end: LegEnd, but: Leg | None = None) -> None:
        for leg in self._ringing():
            if leg is not but:
                self._session.hang_up(leg, end)

    def _verdict(self) -> LegEnd:
        if not self._failures:
            return LegEnd(reason=Reason.OFFLINE, party=Party.SYSTEM, q850=20)
        return min(self._failures, key=lambda end: _RANK.get(end.reason, 5))

    # -- out

    def _start(self, target: DialTarget, formats: tuple[Format, ...] | None = None) -> None:
        session, caller = self._session, self._caller
        again = formats is not None
        formats = self._formats(target.codecs) if formats is None else formats
        if not formats:
            self._failures.append(LegEnd(reason=Reason.CODEC_MISMATCH, party=Party.SYSTEM, status=488, q850=65))
            return
        try:
            leg = open_leg(session, target, caller, "callee")
            invite(session, leg, target, self._from, formats)
        except NoPortsLeft:
            self._failures.append(NO_PORTS)
            return
        except SipError as error:
            session.log.warning("cannot be dialled", uri=target.uri, why=str(error))
            self._failures.append(UNDIALLABLE)
            return
        self._legs.append(leg)
        if not again:
            self._plain[leg.id] = target

    def _formats(self, codecs: tuple[str, ...]) -> tuple[Format, ...]:
        """What the caller offered and the target may use; our own list where the caller left the offer to us."""
        caller = self._caller
        if caller.remote_sdp is None:
            return negotiation.own_formats(tuple(name for name in caller.codecs if name in codecs))
        allowed = tuple(name for name in codecs if name in caller.codecs)
        formats = negotiation.offered_formats(caller.remote_sdp, allowed)
        if any(form.name.lower() not in COMPANIONS for form in formats):
            return formats
        return self._mixed_formats(codecs)

    def _mixed_formats(self, codecs: tuple[str, ...]) -> tuple[Format, ...]:
        """What can be turned into a codec of the caller's; () where none of those can be decoded here."""
        mixed = mixing.decodable()
        offer = self._caller.remote_sdp
        if offer is None or not negotiation.offers_any(self._caller, mixed):
            return ()
        offered = {form.name.lower() for form in negotiation.offered_formats(offer, codecs)}
        return negotiation.own_formats(tuple(name for name in codecs if name in mixed and name not in offered))

    # -- in

    def _on_signal(self, signal: SipSignal) -> Leg | None:
        leg, event = signal.leg, signal.event
        if leg.down:
            assert leg.end is not None
            if self._offer_others(leg):
                return None
            self._failures.append(leg.end)
            if leg.end.status is not None and leg.end.status >= 600:
                # RFC 3261 §16.7 step 5: a 6xx speaks for all of the callee's devices.
                self._give_up(ANSWERED_ELSEWHERE)
        elif isinstance(event, InviteProgress):
            self._on_progress(leg, event)
        elif isinstance(event, InviteAnswered):
            return self._on_answered(leg, event)
        return None

    def _offer_others(self, leg: Leg) -> bool:
        """A callee has no codec of the caller's: it is asked once more, with those that can be turned into one."""
        target = self._plain.pop(leg.id, None)
        if target is None or leg.end is None or leg.end.status not in _NO_CODEC:
            return False
        formats = self._mixed_formats(target.codecs)
        if not formats:
            return False
        self._start(target, formats)
        return True

    def _on_progress(self, leg: Leg, event: InviteProgress) -> None:
        session = self._session
        early = False
        if event.sdp is not None:
            body = negotiation.body_of(event.response)
            if event.sdp is Role.ANSWER:
                self._answers[leg.id, event.response.to_tag] = body
            early = self._open_early(leg, body)
        if leg.state is LegState.NEW or (early and leg.state is LegState.RINGING):
            leg.state = LegState.EARLY if early else LegState.RINGING
            session.node.journal.emit(LegRinging(call=session.call.id, leg=leg.id, early_media=early))
        if not early and self._caller.state is LegState.NEW:
            self._caller.state = LegState.RINGING
            session.node.send(Respond(usage=self._caller.usage, status=180))

    def _open_early(self, leg: Leg, body: bytes) -> bool:
        """Let the caller hear the sound before the answer: that of the last leg that sent any."""
        caller, session = self._caller, self._session
        if caller.remote_sdp is None:
            return False
        try:
            negotiation.take_answer(leg, body)
            assert leg.agreement is not None
            if caller.state is not LegState.EARLY:
                answer = negotiation.write_answer(caller, negotiation.answering(caller, leg.agreement))
                session.node.send(Respond(usage=caller.usage, status=183, body=answer))
                caller.state = LegState.EARLY
        except (SdpError, CodecMismatch) as error:
            session.log.info("no early media", leg=leg.id, why=str(error))
            return False
        session.join(caller, leg)
        return True

    def _on_answered(self, leg: Leg, event: InviteAnswered) -> Leg | None:
        session = self._session
        leg.state = LegState.UP
        leg.takes_info = takes_info(event.response)
        try:
            body = negotiation.body_of(event.response) if event.sdp is not None else b""
            # RFC 3262 §5: without a description of its own the 2xx stands by what its fork said before.
            body = body or self._answers.get((leg.id, event.response.to_tag), b"")
            if body:
                negotiation.take_answer(leg, body)
            if leg.agreement is None:
                raise SdpError("the 2xx carries no session description")
        except (SdpError, CodecMismatch) as error:
            session.log.info("unusable answer", leg=leg.id, why=str(error))
            end = LegEnd(reason=Reason.CODEC_MISMATCH, party=Party.SYSTEM, status=488, q850=65)
            session.hang_up(leg, end)
            self._failures.append(end)
            return None
        self._give_up(ANSWERED_ELSEWHERE, but=leg)
        codec = leg.agreement.formats[0].name if leg.agreement.formats else None
        session.node.journal.emit(LegAnswered(call=session.call.id, leg=leg.id, codec=codec))
        return leg

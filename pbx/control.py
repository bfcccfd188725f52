"""Call control: the verbs that dialplan actions and flow nodes speak, for the call of one session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from media.allocator import NoPortsLeft
from media.codec import COMPANIONS
from media.offer_answer import CodecMismatch
from media.sdp import SdpError
from pbx import duration, hold, mixing, negotiation, recording_policy, reoffer
from pbx.call import Call
from pbx.dial import Dial
from pbx.events import CallAnswered, CallBridged, CallRouted, LegAnswered
from pbx.key_entry import Entry, KeyRules
from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd
from pbx.outbound import DialTarget, caller_address
from pbx.reasons import REASONS, Party, Reason
from pbx.session import CallOver, Session
from pbx.speech.say import say_plan
from pbx.targets import extension_targets
from pbx.verbs.collecting import collect
from pbx.verbs.playing import Playback, Played, louder, to_the_end
from pbx.verbs.rooms import join_room
from pbx.verbs.speaking import spoken
from sip.commands import Respond

if TYPE_CHECKING:
    from pbx.conference import RoomRules
    from pbx.snapshot import ExtensionSnapshot, TrunkSnapshot
    from pbx.speech.voice import Voice
    from pbx.tenant import TenantView

# Statuses of a callee that a caller may see as they are; others become the status of the reason.
_PASSED_ON = frozenset({404, 410, 480, 484, 485, 486, 488, 600, 603, 604, 606, 607, 608})

TURN_S = 2.0
"""How long a call may wait for its turn on a trunk whose rate of calls is limited."""


class CallControl:
    """The verbs. Each raises LegGone when the caller leaves while it waits."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.caller: Leg = session.call.legs[0]

    @property
    def call(self) -> Call:
        return self._session.call

    @property
    def tenant(self) -> TenantView:
        return self._session.tenant

    @property
    def codecs_with_sound(self) -> tuple[str, ...]:
        """Codecs in which the server has sounds of its own."""
        return self._session.node.sounds.codecs

    def routed(self, kind: str, destination: str | None, number: str | None) -> None:
        """Write down where the call goes now."""
        self._session.node.journal.emit(
            CallRouted(call=self.call.id, destination_type=kind, destination=destination, called_final=number)
        )

    def progress(self, codecs: tuple[str, ...]) -> None:
        """Open the way to the caller's ear before the answer (183). Raises CallOver where no codec fits."""
        caller = self.caller
        if caller.state in (LegState.EARLY, LegState.UP, LegState.HELD) or caller.remote_sdp is None:
            return
        body = self._answer_body(codecs)
        self._session.node.send(Respond(usage=caller.usage, status=183, body=body))
        caller.state = LegState.EARLY
        recording_policy.begin_early(self._session)
        self._session.connect(caller)

    def answer(self, codecs: tuple[str, ...] | None = None, by: Leg | None = None) -> None:
        """200 to the caller, with the codecs given (its own policy's by default). Raises CallOver where none fits.

        A caller that has just left is not answered: the next wait raises LegGone.
        """
        caller, session = self.caller, self._session
        if caller.state in (LegState.UP, LegState.HELD):
            return
        if caller.remote_sdp is None:
            self._open_port(caller)
            body = negotiation.write_offer(caller, negotiation.own_formats(codecs or caller.codecs))
            caller.answer_due = True
        elif caller.state is LegState.EARLY:
            body = negotiation.rewrite_answer(caller)
        else:
            body = self._answer_body(codecs or caller.codecs, "local" if by is None else "offerer")
        if not session.node.send(Respond(usage=caller.usage, status=200, body=body)):
            return  # The caller cancelled a moment ago; its inbox says so.
        caller.state = LegState.UP
        recording_policy.begin(session, by)
        session.connect(caller)
        duration.limit(session, caller, *(() if by is None else (by,)))
        if session.node.stack.holds_answer(caller.usage):
            # The caller may still go without having been answered, and its record must not say that it was.
            caller.on_answer.append(partial(self._answered, by))
        else:
            self._answered(by)

    def _answered(self, by: Leg | None) -> None:
        """The caller's 2xx has gone out: write it down."""
        caller, journal = self.caller, self._session.node.journal
        self.call.answered = True
        journal.emit(CallAnswered(call=self.call.id, leg=None if by is None else by.id))
        agreement = caller.agreement
        codec = agreement.formats[0].name if agreement is not None and agreement.formats else None
        journal.emit(LegAnswered(call=self.call.id, leg=caller.id, codec=codec))

    def _answer_body(self, codecs: tuple[str, ...], prefer: negotiation.Preference = "offerer") -> bytes:
        self._open_port(self.caller)
        try:
            return negotiation.write_answer(self.caller, codecs, prefer=prefer)
        except (SdpError, CodecMismatch) as error:
            self._session.log.info("no common codec", why=str(error))
            raise CallOver(LegEnd(reason=Reason.CODEC_MISMATCH, party=Party.SYSTEM, status=488, q850=65)) from error

    def _open_port(self, leg: Leg) -> None:
        try:
            self._session.open_port(leg)
        except NoPortsLeft as error:
            self._session.log.error("no media port", why=str(error))
            raise CallOver(LegEnd(reason=Reason.MEDIA_FAILED, party=Party.SYSTEM, status=503, q850=47)) from error

    def finish(self, reason: Reason, end: LegEnd | None = None) -> CallOver:
        """The exception that ends the call for a reason: `raise control.finish(…)`."""
        if end is None:
            facts = REASONS[reason]
            return CallOver(LegEnd(reason=reason, party=Party.SYSTEM, status=facts.sip_status, q850=facts.q850))
        status = end.status if end.status in _PASSED_ON else REASONS[end.reason].sip_status
        if end.status is not None and 300 <= end.status < 400:
            # A redirection is the caller's own phone's business no more than ours: the callee is not to be had here.
            status = 480
        return CallOver(LegEnd(reason=end.reason, party=end.party, status=status, text=None, q850=end.q850))

    def playback(
        self,
        names: Sequence[str],
        plays: int | None = 1,
        *,
        start_ms: int = 0,
        gain_db: float = 0.0,
        language: str | None = None,
    ) -> Playback | None:
        """Sounds one behind the other, ready to be heard by the caller; `plays` None goes round without end.

        A sound that is in no language is 200 ms of silence. None where no agreed codec has sounds at all.
        """
        session, caller, tenant = self._session, self.caller, self.tenant
        languages = tuple(filter(None, (language, tenant.prompt_language)))
        sounds = session.node.sounds
        player = sounds.sequence(names, languages, tenant.country, caller.agreement, plays, tenant.key)
        if player is None:
            session.log.warning("no sounds in the codecs of the caller", sounds=",".join(names)[:200])
            return None
        player = louder(replace(player, start_ms=start_ms) if start_ms else player, gain_db)
        return Playback(session, caller, player, sounds.next_id)

    async def play(
        self,
        names: str | Sequence[str],
        plays: int | None = 1,
        limit_s: float | None = None,
        *,
        barge_in: bool = False,
        start_ms: int = 0,
        gain_db: float = 0.0,
        language: str | None = None,
    ) -> Played:
        """Play tones and prompts to the caller to their end, for `limit_s` at the most, or until it leaves.

        `barge_in`: a key ends it, and is kept for `collect`. `gain_db` is heard in G.711 only.
        """
        session, caller = self._session, self.caller
        names = (names,) if isinstance(names, str) else tuple(names)
        playback = self.playback(names, plays, start_ms=start_ms, gain_db=gain_db, language=language)
        if playback is None:
            return Played.UNHEARD
        session.checkpoint("play", sounds=list(names))
        deadline = None if limit_s is None else session.node.clock.now() + limit_s
        return await to_the_end(session, caller, playback, barge_in=barge_in, deadline=deadline)

    async def say(self, kind: str, value: object, *, language: str | None = None, barge_in: bool = False) -> Played:
        """Say a value by the rules of a language (`pbx.speech.say`). Raises SayError for what is none of its kind."""
        plan = say_plan(kind, value, language or self.tenant.prompt_language)
        return await self.play(plan, barge_in=barge_in, language=language)

    async def speak(
        self,
        text: str,
        variables: Mapping[str, str] | None = None,
        *,
        language: str | None = None,
        voice: Voice | None = None,
        fallback: str | None = None,
        barge_in: bool = False,
    ) -> Played:
        """Speak a text with `${variables}` filled in; where the engine fails or is slow, play `fallback` or nothing."""
        session, caller = self._session, self.caller
        tongue = language or self.tenant.prompt_language
        player = await spoken(session, caller, text, variables or {}, tongue, voice)
        if player is None:
            return (
                Played.UNHEARD if fallback is None else await self.play(fallback, barge_in=barge_in, language=language)
            )
        session.checkpoint("speak")
        playback = Playback(session, caller, player, session.node.sounds.next_id)
        return await to_the_end(session, caller, playback, barge_in=barge_in)

    async def collect(
        self, rules: KeyRules, prompt: Sequence[str] = (), *, barge_in: bool = True, language: str | None = None
    ) -> Entry:
        """Keys that the caller presses, while a prompt plays (`barge_in`) and behind it."""
        playback = self.playback(prompt, language=language) if prompt else None
        self._session.checkpoint("collect")
        return await collect(self._session, self.caller, rules, playback, barge_in=barge_in)

    def answer_for_mixing(self) -> None:
        """Answer with codecs that can be mixed. Raises CallOver where the caller has none."""
        decodable = mixing.decodable()
        self.answer(tuple(name for name in self.caller.codecs if name in COMPANIONS or name in decodable))
        if mixing.voice_of(self.caller.agreement) is None and not self.caller.answer_due:
            raise CallOver(LegEnd(reason=Reason.CODEC_MISMATCH, party=Party.SYSTEM, status=488, q850=65))

    async def join_room(self, name: str, rules: RoomRules) -> bool:
        """Let the caller talk in a conference of its tenant until it is put out. Raises RoomFull."""
        return await join_room(self._session, self.caller, name, rules)

    def extension_targets(self, extension: ExtensionSnapshot) -> list[DialTarget]:
        """The contacts at which an extension can be rung now."""
        node = self._session.node
        return extension_targets(node.location, self.tenant, extension, node.clock.now())

    def occupy_extension(self, extension: ExtensionSnapshot) -> bool:
        """Count the call on an extension; False where it has as many as it may have."""
        return self._session.occupy(("extension", self.tenant.key, extension.number), extension.max_calls)

    def occupy_trunk(self, trunk: TrunkSnapshot, way: str) -> bool:
        """Count the call on a trunk, `in` or `out`; False where it is full."""
        limit = trunk.max_in if way == "in" else trunk.max_out
        session = self._session
        return session.occupy(("trunk", trunk.name), trunk.max_total) and session.occupy(
            ("trunk", trunk.name, way), limit
        )

    async def trunk_turn(self, trunk: TrunkSnapshot) -> bool:
        """Wait until the trunk's call rate lets one more out, for TURN_S at the most; False where it does not."""
        node, key = self._session.node, ("trunk", trunk.name)
        deadline = node.clock.now() + TURN_S
        while not node.rates.take(key, trunk.max_cps, node.clock.now()):
            due = node.clock.now() + node.rates.wait_s(key, trunk.max_cps, node.clock.now())
            if due > deadline:
                return False
            await self._session.next(due)
            self._session.need(self.caller)
        return True

    def caller_address(self) -> str:
        """The From of outbound legs: the caller's number in the tenant's domain."""
        return caller_address(self._session)

    def can_hear(self, codecs: tuple[str, ...]) -> bool:
        """Whether the caller can be played something before the answer."""
        offer = self.caller.remote_sdp
        return offer is not None and bool(negotiation.offered_formats(offer, codecs))

    async def dial(
        self, targets: list[DialTarget], timeout_s: float, from_: str, progress_s: float | None = None
    ) -> Leg:
        """Ring targets together; the first to answer is returned. Raises DialFailed."""
        return await Dial(self._session, self.caller, from_).run(targets, timeout_s, progress_s)

    async def bridge(self, leg: Leg) -> LegEnd:
        """Answer the caller with what `leg` agreed to, let both hear each other until one leaves, end the other."""
        session, caller = self._session, self.caller
        assert leg.agreement is not None
        caller.peer, leg.peer = leg, caller
        if caller.state in (LegState.UP, LegState.HELD):
            # Answered before, by a prompt say: what it speaks is settled, and the new leg may speak otherwise.
            recording_policy.begin(session, leg)
            session.connect(caller)
            reoffer.align(session, caller)
        else:
            self.answer(negotiation.answering(caller, leg.agreement), by=leg)
            reoffer.narrow(session, caller)
        if self.call.answered:
            self._bridged(leg)
        else:
            caller.on_answer.append(partial(self._bridged, leg))
        while not caller.down and not leg.down:
            await session.next()
        gone, left = (caller, leg) if caller.down else (leg, caller)
        assert gone.end is not None
        session.hang_up(left, gone.end)
        return gone.end

    def _bridged(self, leg: Leg) -> None:
        """The caller and a leg hear each other."""
        session, caller = self._session, self.caller
        session.node.journal.emit(CallBridged(call=self.call.id, leg_a=caller.id, leg_b=leg.id))
        session.checkpoint("bridge", with_leg=leg.id)
        # Some begin on hold: third parties that set a call up, phones that have taken another call.
        if hold.follow(session, caller) | hold.follow(session, leg):
            session.connect(caller)

    async def echo(self) -> None:
        """Answer, and give back to the caller what it says until it leaves."""
        session, caller = self._session, self.caller
        self.answer()
        caller.peer = caller
        session.connect(caller)
        session.checkpoint("echo")
        while True:
            await session.next()
            session.need(caller)

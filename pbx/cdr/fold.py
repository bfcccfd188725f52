"""A call's events folded into its record: pure, repeatable, deaf to repeated events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pbx.cdr.leg import UNKNOWN, LegFold
from pbx.cdr.record import Cdr, LegRecord
from pbx.events import (
    CallAnswered,
    CallCreated,
    CallEnded,
    CallRouted,
    Envelope,
    Event,
    LegAnswered,
    LegEnded,
    LegHeld,
    LegMedia,
    LegResumed,
    LegRinging,
    LegStarted,
)
from pbx.reasons import REASONS, Party, Reason, result_of

MEDIA_WAIT_NS: Final = 2_000_000_000
_NS_PER_MS: Final = 1_000_000


class CallFold:
    """Folds one call's events, in order of their numbers, into a `Cdr`.

    Times never run backwards inside a call: an event stamped before its predecessor (the clock was set
    back) counts as of the same moment.
    """

    __slots__ = (
        "_answer_at_ms",
        "_created",
        "_ended",
        "_legs",
        "_media_count",
        "_node",
        "_offered_at_ms",
        "_ring_at_ms",
        "_routed",
        "_start_at_ms",
        "call",
        "ended_at_ns",
        "first_seq",
        "last_at_ns",
        "last_seq",
    )

    def __init__(self, call: str, envelope: Envelope, node: str | None = None) -> None:
        """A fold that begins with `envelope`, the first known event of `call`; not yet applied."""
        self.call = call
        self.first_seq = envelope.seq
        self.last_seq = envelope.seq - 1
        self.last_at_ns = envelope.at_ns
        self.ended_at_ns: int | None = None
        self._node = node
        self._start_at_ms = envelope.at_ns // _NS_PER_MS
        self._offered_at_ms: int | None = None
        self._ring_at_ms: int | None = None
        self._answer_at_ms: int | None = None
        self._created: CallCreated | None = None
        self._routed: CallRouted | None = None
        self._ended: CallEnded | None = None
        self._legs: dict[str, LegFold] = {}
        self._media_count = 0

    def apply(self, envelope: Envelope) -> None:
        """Take one event in; one that was taken before (or an older one) changes nothing."""
        if envelope.seq <= self.last_seq:
            return
        self.last_seq = envelope.seq
        if envelope.at_ns > self.last_at_ns:
            self.last_at_ns = envelope.at_ns
        event = envelope.event
        handler = _HANDLERS.get(event.__class__)
        if handler is not None:
            handler(self, event, self.last_at_ns // _NS_PER_MS)

    @property
    def finished(self) -> bool:
        """The call is over and every leg's media report came."""
        return self._ended is not None and self._media_count >= self._ended.legs_with_media

    def complete(self, now_ns: int) -> bool:
        """The record can be written: finished, or media reports did not come for 2 s (`now_ns` UTC)."""
        if self.ended_at_ns is None:
            return False
        return self.finished or now_ns - self.ended_at_ns >= MEDIA_WAIT_NS

    def close_lost(self, at_ns: int) -> None:
        """End an open call whose server is gone; `at_ns` is the last moment it is known to have run."""
        if self._ended is not None:
            return
        at_ns = max(at_ns, self.last_at_ns)
        facts = REASONS[Reason.NODE_LOST]
        ended = CallEnded(
            call=self.call,
            reason=Reason.NODE_LOST.value,
            result=result_of(Reason.NODE_LOST, answered=self._answer_at_ms is not None).value,
            party=Party.SYSTEM.value,
            sip_code=None,
            sip_text=None,
            q850=facts.q850,
            legs_with_media=0,
        )
        self.last_at_ns = at_ns
        for leg_id, leg in self._legs.items():
            if leg.end_at_ms is None:
                lost = LegEnded(
                    call=self.call,
                    leg=leg_id,
                    reason=Reason.NODE_LOST.value,
                    sip_code=None,
                    sip_text=None,
                    q850=facts.q850,
                    party=Party.SYSTEM.value,
                )
                self._leg_ended(lost, at_ns // _NS_PER_MS)
        self._call_ended(ended, at_ns // _NS_PER_MS)

    def cdr(self) -> Cdr:
        """The record; for a call still open, as if it ended with its last event, reason `unknown`."""
        created, routed, ended = self._created, self._routed, self._ended
        legs = tuple(
            leg.record(self.call, leg_id, position) for position, (leg_id, leg) in enumerate(self._legs.items(), 1)
        )
        start, ring, answer = self._start_at_ms, self._ring_at_ms, self._answer_at_ms
        end = (self.ended_at_ns or self.last_at_ns) // _NS_PER_MS
        # talk = end - answer; ring counts up to the answer, or to the end when there was none.
        talk_ms = 0 if answer is None else end - answer
        ring_end = end if answer is None else answer
        ring_ms = 0 if ring is None else max(0, ring_end - ring)
        pdd_ms = None
        if (offered := self._offered_at_ms) is not None:
            heard = ring if ring is not None else answer
            pdd_ms = heard - offered if heard is not None and heard >= offered else None
        trunk = created.trunk if created else None
        codec, loss_pct, jitter_ms, rtt_ms, mos = _quality(legs)
        return Cdr(
            call_id=self.call,
            tenant=created.tenant if created else None,
            node=self._node,
            sip_call_id=created.sip_call_id if created else None,
            direction=created.direction if created else UNKNOWN,
            call_type=created.call_type if created else UNKNOWN,
            device=created.device if created else None,
            extension=created.extension if created else None,
            source=created.source if created else None,
            caller_original=created.caller if created else None,
            caller_name_original=created.caller_name if created else None,
            called_original=created.called if created else None,
            called_final=routed.called_final if routed else None,
            did=created.did if created else None,
            trunk=trunk or next((leg.trunk for leg in legs if leg.trunk), None),
            start_at_ms=start,
            offered_at_ms=self._offered_at_ms,
            ring_at_ms=ring,
            answer_at_ms=answer,
            end_at_ms=end,
            total_ms=end - start,
            ring_ms=ring_ms,
            talk_ms=talk_ms,
            other_ms=end - start - ring_ms - talk_ms,
            hold_count=sum(leg.hold_count for leg in legs),
            hold_ms=sum(leg.hold_ms for leg in legs),
            post_dial_delay_ms=pdd_ms,
            result=ended.result if ended else result_of(Reason.UNKNOWN, answered=answer is not None).value,
            reason=ended.reason if ended else Reason.UNKNOWN.value,
            hangup_party=ended.party if ended else None,
            sip_code=ended.sip_code if ended else None,
            sip_text=ended.sip_text if ended else None,
            q850=ended.q850 if ended else None,
            destination_type=routed.destination_type if routed else None,
            destination=routed.destination if routed else None,
            codec=codec,
            loss_pct=loss_pct,
            jitter_ms=jitter_ms,
            rtt_ms=rtt_ms,
            mos=mos,
            legs=legs,
        )

    def _leg(self, leg_id: str, at_ms: int) -> LegFold:
        leg = self._legs.get(leg_id)
        if leg is None:
            leg = self._legs[leg_id] = LegFold(at_ms)
        return leg

    def _call_created(self, event: CallCreated, _at_ms: int) -> None:
        self._created = event

    def _call_routed(self, event: CallRouted, _at_ms: int) -> None:
        self._routed = event

    def _call_answered(self, _event: CallAnswered, at_ms: int) -> None:
        if self._answer_at_ms is None and self._ended is None:
            self._answer_at_ms = at_ms

    def _call_ended(self, event: CallEnded, _at_ms: int) -> None:
        if self._ended is None:
            self._ended = event
            self.ended_at_ns = self.last_at_ns

    def _leg_started(self, event: LegStarted, at_ms: int) -> None:
        self._leg(event.leg, at_ms).started = event
        if event.direction == "out" and self._offered_at_ms is None:
            self._offered_at_ms = at_ms

    def _leg_ringing(self, event: LegRinging, at_ms: int) -> None:
        leg = self._leg(event.leg, at_ms)
        leg.early_media = leg.early_media or event.early_media
        if leg.ring_at_ms is None:
            leg.ring_at_ms = at_ms
        if self._ring_at_ms is None and self._ended is None:
            self._ring_at_ms = at_ms

    def _leg_answered(self, event: LegAnswered, at_ms: int) -> None:
        leg = self._leg(event.leg, at_ms)
        leg.codec = event.codec
        if leg.answer_at_ms is None:
            leg.answer_at_ms = at_ms

    def _leg_ended(self, event: LegEnded, at_ms: int) -> None:
        leg = self._leg(event.leg, at_ms)
        if leg.end_at_ms is None:
            leg.resume(at_ms)
            leg.end_at_ms = at_ms
            leg.ended = event

    def _leg_held(self, event: LegHeld, at_ms: int) -> None:
        self._leg(event.leg, at_ms).hold(at_ms)

    def _leg_resumed(self, event: LegResumed, at_ms: int) -> None:
        self._leg(event.leg, at_ms).resume(at_ms)

    def _leg_media(self, event: LegMedia, at_ms: int) -> None:
        leg = self._leg(event.leg, at_ms)
        if leg.media is None:
            self._media_count += 1
        leg.media = event


# `Any`: each handler takes the very class that it is listed under.
_HANDLERS: Final[dict[type[Event], Callable[[CallFold, Any, int], None]]] = {
    CallCreated: CallFold._call_created,
    CallRouted: CallFold._call_routed,
    CallAnswered: CallFold._call_answered,
    CallEnded: CallFold._call_ended,
    LegStarted: CallFold._leg_started,
    LegRinging: CallFold._leg_ringing,
    LegAnswered: CallFold._leg_answered,
    LegEnded: CallFold._leg_ended,
    LegHeld: CallFold._leg_held,
    LegResumed: CallFold._leg_resumed,
    LegMedia: CallFold._leg_media,
}

_Quality = tuple[str | None, float | None, float | None, float | None, float | None]


def _quality(legs: tuple[LegRecord, ...]) -> _Quality:
    """Codec of the caller's leg; loss in percent, jitter, round trip and MOS of the worst leg."""
    codec: str | None = None
    loss: float | None = None
    jitter: float | None = None
    rtt: float | None = None
    mos: float | None = None
    for leg in legs:
        codec = codec or leg.codec
        if leg.packets_in is None:
            continue
        due = leg.packets_in + (leg.lost_in or 0)
        if due > 0:
            loss = max(loss or 0.0, round(100.0 * max(0, leg.lost_in or 0) / due, 3))
        if leg.jitter_ms is not None:
            jitter = max(jitter or 0.0, leg.jitter_ms)
        if leg.rtt_ms is not None:
            rtt = max(rtt or 0.0, leg.rtt_ms)
        if leg.mos is not None:
            mos = leg.mos if mos is None else min(mos, leg.mos)
    return codec, loss, jitter, rtt, mos

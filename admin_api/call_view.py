"""Call view: calls and their legs as the API shows them, live ones and those that are over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pbx.cdr import CallFold
from pbx.events import Envelope, LegMedia
from pbx.leg import LegState
from pbx.media_report import codec_of, live_facts, past_facts
from pbx.records.cdr_view import ended_call, time_text
from pbx.ulid import time_ms
from pbx.verdict import MediaFacts, judge

if TYPE_CHECKING:
    from media.event import PortStats
    from pbx.call import Call
    from pbx.leg import Leg

Json = dict[str, Any]


def live_call(call: Call, now_ms: int) -> Json:
    """A live call with its legs; without media, which has to be asked for."""
    since_ms = time_ms(call.id)
    return {
        "id": call.id,
        "tenant": call.tenant,
        "direction": call.direction,
        "from": call.caller,
        "from_name": call.caller_name,
        "to": call.called,
        "state": _state(call),
        "since": time_text(since_ms),
        "seconds": max(0, now_ms - since_ms) // 1000,
        "legs": [_live_leg(leg) for leg in call.legs],
    }


def _state(call: Call) -> str:
    states = {leg.state for leg in call.active_legs}
    if LegState.HELD in states:
        return "held"
    if call.answered:
        return "up"
    return "ringing" if states & {LegState.RINGING, LegState.EARLY} else "new"


def _live_leg(leg: Leg) -> Json:
    return {
        "id": leg.id,
        "kind": leg.kind,
        "direction": "in" if leg.inbound else "out",
        "number": leg.number,
        "device": leg.device,
        "trunk": leg.trunk,
        "state": leg.state.name.lower(),
        "codec": codec_of(leg),
        "held": leg.state is LegState.HELD,
        "reason": None if leg.end is None else leg.end.reason.value,
    }


def live_detail(call: Call, now_ms: int, stats: dict[int, PortStats]) -> Json:
    """A live call with the verdict on each leg's media."""
    shown = live_call(call, now_ms)
    for leg, row in zip(call.legs, shown["legs"], strict=True):
        counted = None if leg.port is None else stats.get(leg.port.id)
        row["media"] = media(live_facts(leg, counted))
    return shown


def ended_detail(call: str, events: Sequence[Envelope]) -> Json:
    """A call that is over, folded from its events, with the verdict on each leg's media."""
    fold = CallFold(call, events[0])
    reports: dict[str, LegMedia] = {}
    for envelope in events:
        fold.apply(envelope)
        if isinstance(envelope.event, LegMedia):
            reports[envelope.event.leg] = envelope.event
    cdr = fold.cdr()
    shown = ended_call(cdr, cdr.legs)
    for row in shown["legs"]:
        row["media"] = media(past_facts(reports.get(row["id"]), row["codec"]))
    return shown


def media(facts: MediaFacts) -> Json:
    """The verdict on a leg and what it rests on."""
    verdict = judge(facts)
    return {
        "hearing": verdict.hearing,
        "fault": verdict.fault,
        "verdict": verdict.text,
        "direction": facts.direction,
        "advertised": facts.advertised,
        "latched": facts.latched,
        "packets_in": facts.packets_in,
        "packets_out": facts.packets_out,
        "silent_ms": facts.silent_ms,
        "loss_pct": verdict.loss_pct,
        "far_loss_pct": verdict.far_loss_pct,
        "jitter_ms": None if facts.jitter_ms is None else round(facts.jitter_ms, 1),
        "rtt_ms": None if facts.rtt_ms is None else round(facts.rtt_ms, 1),
        "mos": verdict.mos,
        "dropped_foreign": facts.dropped_foreign,
        "dropped_payload_type": facts.dropped_payload_type,
    }

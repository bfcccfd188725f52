"""The fold: times, durations, results, repeated events, lost servers."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.cdr import MEDIA_WAIT_NS, CallFold, Cdr
from pbx.events import CallAnswered, CallEnded, Envelope, Event, LegAnswered, LegRinging
from pbx.ulid import UlidFactory
from tests.fakes.call_log import (
    START_NS,
    answered_call,
    call_ended,
    created,
    leg_ended,
    leg_media,
    leg_started,
    refused_call,
    unanswered_call,
)

MS = 10**6


def fold_at(steps: Iterable[tuple[int, Event]], call: str = "c") -> CallFold:
    """A fold of events at `ms` after the start."""
    fold: CallFold | None = None
    for seq, (at_ms, event) in enumerate(steps, 1):
        envelope = Envelope(seq, START_NS + at_ms * MS, event)
        fold = fold or CallFold(call, envelope, "n1")
        fold.apply(envelope)
    assert fold is not None
    return fold


ANSWERED: list[tuple[int, Event]] = [
    (0, created("c")),
    (0, leg_started("c", "a", "caller", "in")),
    (10, leg_started("c", "b", "callee", "out")),
    (150, LegRinging(call="c", leg="b", early_media=False)),
    (3150, LegAnswered(call="c", leg="b", codec="PCMU")),
    (3160, LegAnswered(call="c", leg="a", codec="PCMA")),
    (3160, CallAnswered(call="c", leg="b")),
    (63160, leg_ended("c", "a")),
    (63170, leg_ended("c", "b")),
    (63180, call_ended("c", "normal", "answered", 2)),
    (63190, leg_media("c", "a")),
    (63200, leg_media("c", "b", lost_in=5)),
]


def durations(cdr: Cdr) -> tuple[int, int, int, int]:
    return cdr.total_ms, cdr.ring_ms, cdr.talk_ms, cdr.other_ms


def test_answered_call() -> None:
    fold = fold_at(ANSWERED)
    cdr = fold.cdr()
    assert fold.finished
    assert durations(cdr) == (63180, 3010, 60020, 150)
    assert cdr.post_dial_delay_ms == 140
    assert (cdr.result, cdr.reason, cdr.hangup_party, cdr.q850) == ("answered", "normal", "caller", 16)
    assert (cdr.node, cdr.tenant, cdr.caller_original, cdr.called_original) == ("n1", "demo", "1001", "1002")
    assert (cdr.codec, cdr.loss_pct, cdr.jitter_ms, cdr.rtt_ms, cdr.mos) == ("PCMA", 1.0, 1.5, None, 4.4)
    assert [(leg.position, leg.leg_id, leg.kind, leg.state) for leg in cdr.legs] == [
        (1, "a", "caller", "down"),
        (2, "b", "callee", "down"),
    ]


def test_unanswered_call_rings_to_its_end() -> None:
    steps = [*ANSWERED[:4], (20150, call_ended("c", "no_answer", "missed", 0))]
    cdr = fold_at(steps).cdr()
    assert durations(cdr) == (20150, 20000, 0, 150)
    assert cdr.answer_at_ms is None
    assert cdr.result == "missed"


def test_call_answered_by_the_server_before_it_rings_elsewhere() -> None:
    steps: list[tuple[int, Event]] = [
        (0, created("c")),
        (5, CallAnswered(call="c", leg=None)),
        (1000, leg_started("c", "b", "callee", "out")),
        (1100, LegRinging(call="c", leg="b", early_media=False)),
        (2000, call_ended("c", "normal", "answered", 0)),
    ]
    cdr = fold_at(steps).cdr()
    assert durations(cdr) == (2000, 0, 1995, 5)
    assert cdr.post_dial_delay_ms == 100


def test_record_waits_for_media_reports_two_seconds_at_most() -> None:
    fold = fold_at(ANSWERED[:-1])
    ended_ns = START_NS + 63180 * MS
    assert not fold.finished
    assert not fold.complete(ended_ns + MEDIA_WAIT_NS - 1)
    assert fold.complete(ended_ns + MEDIA_WAIT_NS)
    fold.apply(Envelope(99, ended_ns + 9 * 10**9, leg_media("c", "b")))
    assert fold.finished
    assert fold.cdr().end_at_ms == ended_ns // MS


def test_open_call_is_never_complete() -> None:
    fold = fold_at(ANSWERED[:6])
    assert not fold.complete(2**62)
    assert fold.cdr().reason == "unknown"


def test_repeated_and_older_events_change_nothing() -> None:
    once = fold_at(ANSWERED)
    twice = fold_at(ANSWERED)
    for seq, (at_ms, event) in enumerate(ANSWERED, 1):
        twice.apply(Envelope(seq, START_NS + at_ms * MS, event))
    assert twice.cdr() == once.cdr()


@pytest.mark.parametrize(("until", "result", "talk_ms"), [(5, "failed", 0), (7, "answered", 1840)])
def test_call_of_a_lost_server(until: int, result: str, talk_ms: int) -> None:
    fold = fold_at(ANSWERED[:until])
    fold.close_lost(START_NS + 5000 * MS)
    cdr = fold.cdr()
    assert fold.complete(0)
    assert (cdr.result, cdr.reason, cdr.hangup_party) == (result, "node_lost", "system")
    assert cdr.end_at_ms == START_NS // MS + 5000
    assert cdr.talk_ms == talk_ms
    assert {leg.end_at_ms for leg in cdr.legs} == {cdr.end_at_ms}


def test_losing_the_server_changes_no_ended_call() -> None:
    fold = fold_at(ANSWERED)
    fold.close_lost(START_NS + 10**12)
    assert fold.cdr() == fold_at(ANSWERED).cdr()


def test_clock_set_back_gives_no_negative_duration() -> None:
    steps = [(ms if index < 6 else ms - 10**6, event) for index, (ms, event) in enumerate(ANSWERED)]
    cdr = fold_at(steps).cdr()
    assert durations(cdr) == (3160, 3010, 0, 150)


def test_call_without_its_beginning_still_has_a_record() -> None:
    cdr = fold_at(ANSWERED[3:]).cdr()
    assert (cdr.direction, cdr.tenant, cdr.result) == ("unknown", None, "answered")
    assert [leg.kind for leg in cdr.legs] == ["unknown", "unknown"]


@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(-5000, 60000)), min_size=1, max_size=40),
    st.integers(0, 2**32),
    st.integers(-5000, 60000),
)
def test_invariants_hold_for_any_order_and_any_clock(steps: list[tuple[int, int]], seed: int, lost_ms: int) -> None:
    ids = UlidFactory(Random(seed))
    pool = [event for kind in (answered_call, unanswered_call, refused_call) for event in kind(ids, 1)]
    fold = fold_at([(ms, pool[index % len(pool)]) for index, ms in steps])
    for _ in range(2):
        cdr = fold.cdr()
        assert cdr.total_ms == cdr.end_at_ms - cdr.start_at_ms == cdr.ring_ms + cdr.talk_ms + cdr.other_ms
        assert min(durations(cdr)) >= 0
        assert cdr.post_dial_delay_ms is None or cdr.post_dial_delay_ms >= 0
        assert cdr.answer_at_ms is None or cdr.talk_ms == cdr.end_at_ms - cdr.answer_at_ms
        fold.close_lost(START_NS + lost_ms * MS)
    assert fold.ended_at_ns is not None


def test_second_end_is_ignored() -> None:
    other = CallEnded(
        call="c",
        reason="busy",
        result="busy",
        party=None,
        sip_code=None,
        sip_text=None,
        q850=None,
        legs_with_media=0,
    )
    assert fold_at([*ANSWERED, (70000, other)]).cdr() == fold_at(ANSWERED).cdr()

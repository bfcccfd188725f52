"""Calls between two extensions, from the first INVITE to the record."""

from __future__ import annotations

import asyncio

from pbx.reasons import Reason
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteCancelled, InviteFailed, InviteProgress
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import run_virtually


async def two_phones() -> tuple[Switchboard, Phone, Phone]:
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    for phone in (ann, ben):
        answer = await phone.register()
        assert answer.response.status == 200, str(board)
    return board, ann, ben


def test_call_answered_and_ended_by_the_caller() -> None:
    async def scenario() -> None:
        board, ann, ben = await two_phones()
        usage = await ann.invite("1002")
        incoming = await ben.ringing()
        progress = await ann.expect(InviteProgress)
        assert progress.response.status == 180
        await asyncio.sleep(3)
        ben.answer(incoming)
        answered = await ann.expect(InviteAnswered)
        assert b"m=audio" in answered.response.body
        await ben.expect(AckReceived)
        await asyncio.sleep(10)
        states = list(board.media.states.values())
        assert len(states) == 2
        assert all(state is not None and state.relay_to is not None for state in states)
        ann.hang_up(usage)
        bye = await ben.expect(ByeReceived)
        assert "Q.850;cause=16" in (bye.request.headers.get("reason") or "")
        (record,) = await board.settled()
        assert (record.result, record.reason, record.hangup_party) == ("answered", Reason.NORMAL, "caller")
        assert record.caller_original == "1001"
        assert record.called_original == "1002"
        assert 9_900 <= record.talk_ms <= 10_100
        assert 2_900 <= record.ring_ms <= 3_100

    run_virtually(scenario())


def test_call_ended_by_the_callee() -> None:
    async def scenario() -> None:
        board, ann, ben = await two_phones()
        await ann.invite("1002")
        incoming = await ben.ringing()
        ben.answer(incoming)
        await ann.expect(InviteAnswered)
        await asyncio.sleep(1)
        ben.hang_up(incoming.usage)
        await ann.expect(ByeReceived)
        (record,) = await board.settled()
        assert (record.result, record.reason, record.hangup_party) == ("answered", Reason.NORMAL, "callee")

    run_virtually(scenario())


def test_caller_cancels() -> None:
    async def scenario() -> None:
        board, ann, ben = await two_phones()
        usage = await ann.invite("1002")
        await ben.ringing()
        await ann.expect(InviteProgress)
        ann.cancel(usage)
        cancelled = await ben.expect(InviteCancelled)
        assert cancelled.request.method == "CANCEL"
        (record,) = await board.settled()
        assert (record.result, record.reason, record.sip_code) == ("abandoned", Reason.CALLER_CANCELLED, 487)
        assert record.talk_ms == 0

    run_virtually(scenario())


def test_callee_is_busy() -> None:
    async def scenario() -> None:
        board, ann, ben = await two_phones()
        await ann.invite("1002")
        incoming = await ben.ringing()
        ben.refuse(incoming, 486)
        failed = await ann.expect(InviteFailed)
        assert failed.status == 486
        assert failed.response is not None
        assert "cause=17" in (failed.response.headers.get("reason") or "")
        (record,) = await board.settled()
        assert (record.result, record.reason, record.sip_code) == ("busy", Reason.BUSY, 486)

    run_virtually(scenario())

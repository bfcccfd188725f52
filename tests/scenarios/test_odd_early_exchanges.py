"""Peers that write their SIP by hand: exchanges before the answer, refused, out of turn, reliable or not."""

from __future__ import annotations

import asyncio

import pytest

from sip.commands import Respond
from sip.events import AckReceived, ReinviteReceived
from tests.fakes.raw_call import CARRIER, SDP, RawCall
from tests.fakes.raw_line import raw_peer
from tests.fakes.switchboard import sdp
from tests.fakes.virtual_loop import virtually


@virtually
async def test_an_empty_update_before_the_answer_refreshes_and_takes_nothing_back() -> None:
    call = RawCall()
    await call.ring()
    await call.ask("UPDATE", 2)
    assert call.raw.answers("UPDATE") == [200]
    await call.pick_up()
    assert call.answer().status == 200
    await call.end()


@virtually
async def test_a_second_invite_before_the_first_is_answered_is_refused() -> None:
    call = RawCall()
    await call.ring("Supported: 100rel")
    await call.ask("PRACK", 2, f"RAck: {await call.early()} 1 INVITE")
    via = await call.ask("INVITE", 3, body=SDP)
    assert call.answer().headers.get("retry-after") == "3"
    await call.ask("ACK", 3, via=via)
    assert call.statuses(3) == [500]
    await call.pick_up()
    await call.end()


@virtually
async def test_a_callee_that_invites_before_it_answers_is_refused() -> None:
    call = RawCall()
    callee = raw_peer(call.board, call.far.address)
    await call.ask("INVITE", 1, body=SDP)
    (invite,) = callee.requests("INVITE")
    callee.reply(invite, 183, "Require: 100rel", "RSeq: 1", body=sdp("10.0.2.1", 4000))
    await asyncio.sleep(0.1)
    (prack,) = callee.requests("PRACK")
    callee.reply(prack, 200)
    callee.call_id, callee.tag = invite.call_id, "raw"
    back = f"To: {invite.headers.get('from')}"
    rows = f"""INVITE sip:raw@10.0.0.1 SIP/2.0
        Via: SIP/2.0/UDP 10.0.2.1:5060;branch=z9hG4bKback
        From: {invite.headers.get("to")};tag=raw
        {back}
        Call-ID: {invite.call_id}
        CSeq: 7 INVITE
        Max-Forwards: 70
        Contact: <sip:far@10.0.2.1>
        Content-Type: application/sdp"""
    callee.send(rows, sdp("10.0.2.1", 4100))
    await asyncio.sleep(0.1)
    assert callee.answers("INVITE") == [491]
    callee.send(rows.replace("INVITE sip", "ACK sip").replace("7 INVITE", "7 ACK"))
    callee.reply(invite, 200)
    await asyncio.sleep(0.1)
    await call.ask("ACK", 1)
    await call.ask("BYE", 2)
    (bye,) = callee.requests("BYE")
    callee.reply(bye, 200)
    (record,) = await call.board.settled()
    assert record.reason == "normal"


@pytest.mark.parametrize(
    ("need", "headers", "status"), [("Supported", ("Content-Encoding: gzip",), 415), ("Require", (), 500)]
)
@virtually
async def test_a_prack_whose_body_is_refused_still_lets_the_answer_go(
    need: str, headers: tuple[str, ...], status: int
) -> None:
    call = RawCall()
    await call.ring(f"{need}: 100rel")
    rseq = call.answer().rseq or await call.early()
    call.far.send(Respond(usage=call.incoming, status=183, body=call.far.sdp))
    await asyncio.sleep(0.1)
    if need == "Supported":
        call.far.answer_usage(call.incoming)
        await asyncio.sleep(0.1)
        assert 200 not in call.statuses(1)
    await call.ask("PRACK", 2, f"RAck: {rseq} 1 INVITE", *headers, body=SDP)
    assert call.answer("PRACK").status == status
    if need == "Require":
        assert call.answer().status == 183
        await call.ask("PRACK", 3, f"RAck: {rseq + 1} 1 INVITE")
        assert call.answer("PRACK").status == 200
        call.far.answer_usage(call.incoming)
        await asyncio.sleep(0.1)
    assert call.answer().status == 200
    await call.ask("ACK", 1)
    await call.end()


@virtually
async def test_a_prack_that_the_answer_has_overtaken_is_answered_once() -> None:
    call = RawCall()
    await call.ring("Require: 100rel")
    rseq = call.answer().rseq
    await call.pick_up()
    for cseq, status in ((2, 200), (3, 481)):
        await call.ask("PRACK", cseq, f"RAck: {rseq} 1 INVITE")
        assert call.answer("PRACK").status == status
    await call.end()


@virtually
async def test_the_sound_of_the_fork_that_answers_is_taken() -> None:
    call = RawCall()
    callee = raw_peer(call.board, call.far.address)
    await call.ask("INVITE", 1, body=SDP)
    (invite,) = callee.requests("INVITE")
    for number, tag in ((1, "one"), (7, "two")):
        rows = ("Require: 100rel", f"RSeq: {number}")
        callee.reply(invite, 183, *rows, tag=tag, body=sdp(f"10.0.2.{number}0", 4000))
        await asyncio.sleep(0.1)
    for prack in callee.requests("PRACK"):
        callee.reply(prack, 200)
    callee.reply(invite, 200, tag="one")
    await asyncio.sleep(0.1)
    await call.ask("ACK", 1)
    states = [state for state in call.board.media.states.values() if state is not None]
    assert ("10.0.2.10", 4000) in [state.remote_rtp for state in states]
    await call.ask("BYE", 2)
    (bye,) = callee.requests("BYE")
    callee.reply(bye, 200)
    await call.board.settled()


@virtually
async def test_a_caller_that_narrows_its_codecs_before_the_answer() -> None:
    call = RawCall()
    await call.ring("Supported: 100rel")
    await call.ask("PRACK", 2, f"RAck: {await call.early()} 1 INVITE")
    await call.ask("UPDATE", 3, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    assert call.answer("UPDATE").status == 200
    await call.pick_up()
    asked = await call.far.expect(ReinviteReceived)
    call.far.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.2.1", 4000, (8, "PCMA/8000"))))
    await asyncio.sleep(1)
    states = [state for state in call.board.media.states.values() if state is not None]
    assert [(state.accept, state.payload_map) for state in states] == [((8,), ((8, 8),))] * 2
    await call.end()


@pytest.mark.parametrize(("ends", "result"), [("CANCEL", "abandoned"), ("BYE", "abandoned"), ("", "failed")])
@virtually
async def test_a_caller_that_never_got_the_answer_was_not_answered(ends: str, result: str) -> None:
    call = RawCall()
    via = await call.ring("Supported: 100rel")
    await call.early()
    call.far.send(Respond(usage=call.incoming, status=200, body=call.far.sdp))
    await call.far.expect(AckReceived)
    await asyncio.sleep(1)
    if ends:
        await call.ask(ends, 1 if ends == "CANCEL" else 2, via=via if ends == "CANCEL" else None)
    else:
        await asyncio.sleep(70)
    assert 200 not in call.statuses(1)
    await call.ask("ACK", 1, via=via)
    (record,) = await call.board.settled()
    assert (record.result, record.answer_at_ms, record.talk_ms) == (result, None, 0), record


@virtually
async def test_a_call_is_answered_when_the_answer_goes_out() -> None:
    call = RawCall()
    await call.ring("Supported: 100rel")
    rseq = await call.early()
    call.far.send(Respond(usage=call.incoming, status=200, body=call.far.sdp))
    await asyncio.sleep(3)
    await call.ask("PRACK", 2, f"RAck: {rseq} 1 INVITE")
    await call.ask("ACK", 1)
    await asyncio.sleep(1)
    record = await call.end()
    assert 1000 <= record.talk_ms < 2000, record

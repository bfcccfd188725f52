"""How calls end: what the caller is told, and what the record says."""

from __future__ import annotations

import asyncio

import pytest

from pbx.cdr import Cdr
from sip.commands import Respond
from sip.events import ByeReceived, InviteAnswered, InviteCancelled, InviteFailed, InviteProgress
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Phone, Switchboard
from tests.fakes.virtual_loop import virtually


async def two_phones() -> tuple[Switchboard, Phone, Phone]:
    """Ann (1001) and Ben (1002), registered."""
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    for phone in (ann, ben):
        assert (await phone.register()).response.status == 200, str(board)
    return board, ann, ben


def ending(record: Cdr) -> tuple[str, str, str | None, int | None, int | None]:
    return record.result, record.reason, record.hangup_party, record.sip_code, record.q850


@virtually
async def test_nobody_answers() -> None:
    board, ann, ben = await two_phones()
    await ann.invite("1002")
    await ben.ringing()
    failed = await ann.expect(InviteFailed)
    assert failed.status == 480
    cancelled = await ben.expect(InviteCancelled)
    assert "cause=19" in (cancelled.request.headers.get("reason") or "")
    (record,) = await board.settled()
    assert ending(record) == ("missed", "no_answer", "system", 480, 19)
    assert 29_900 <= record.ring_ms <= 30_100


@virtually
async def test_the_phone_is_off_and_the_network_silent() -> None:
    board, ann, ben = await two_phones()
    ben.switch_off()
    await ann.invite("1002")
    assert (await ann.expect(InviteFailed)).status == 480
    (record,) = await board.settled()
    assert ending(record) == ("missed", "offline", "system", 480, 20)
    assert record.ring_ms == 0


@virtually
async def test_the_phone_is_off_and_the_network_says_so() -> None:
    board, ann, ben = await two_phones()
    ben.switch_off()
    await ann.invite("1002")
    await asyncio.sleep(0.1)
    board.node.unreachable(ben.address)
    assert (await ann.expect(InviteFailed, 1.0)).status == 480
    (record,) = await board.settled()
    assert ending(record) == ("missed", "offline", "system", 480, 20)


@pytest.mark.parametrize(
    ("status", "to_caller", "result", "reason", "q850"),
    [
        (486, 486, "busy", "busy", 17),
        (600, 600, "busy", "busy", 17),
        (603, 603, "missed", "rejected", 21),
        (480, 480, "missed", "no_answer", 18),
        (404, 404, "failed", "invalid_number", 1),
        (488, 488, "failed", "codec_mismatch", 65),
        (500, 503, "failed", "carrier_error", 41),
        (503, 503, "failed", "carrier_error", 41),
    ],
)
@virtually
async def test_the_callee_refuses(status: int, to_caller: int, result: str, reason: str, q850: int) -> None:
    board, ann, ben = await two_phones()
    await ann.invite("1002")
    ben.refuse(await ben.ringing(), status)
    if status == 488:
        # It is offered what could be turned into the caller's codec as well.
        ben.refuse(await ben.ringing(), status)
    assert (await ann.expect(InviteFailed)).status == to_caller
    (record,) = await board.settled()
    assert ending(record) == (result, reason, "callee", to_caller, q850)


@virtually
async def test_the_callee_says_why() -> None:
    """RFC 3326: a Q.850 cause tells more than the status."""
    board, ann, ben = await two_phones()
    await ann.invite("1002")
    call = await ben.ringing()
    ben.send(Respond(usage=call.usage, status=480, headers=(("reason", 'Q.850;cause=17;text="busy"'),)))
    assert (await ann.expect(InviteFailed)).status == 480
    (record,) = await board.settled()
    assert ending(record)[:2] == ("busy", "busy")


@virtually
async def test_a_broken_reason_does_no_harm() -> None:
    board, ann, ben = await two_phones()
    usage = await ann.invite("1002")
    ben.answer(await ben.ringing())
    await ann.expect(InviteAnswered)
    dialog = ann.stack.dialog_state(usage)
    assert dialog is not None
    request = (
        f"BYE sip:1002@{SERVER[0]} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.11:5060;branch=z9hG4bKbroken\r\n"
        f"From: {dialog['local']}\r\nTo: {dialog['remote']}\r\nCall-ID: {dialog['call_id']}\r\nCSeq: 99 BYE\r\n"
        'Reason: Q.850;cause="\r\nContent-Length: 0\r\n\r\n'
    )
    board.network.carry(request.encode(), ann.address, SERVER)
    await ben.expect(ByeReceived)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert ending(record)[:3] == ("answered", "normal", "caller")


@virtually
async def test_the_caller_gives_up_at_once() -> None:
    board, ann, ben = await two_phones()
    usage = await ann.invite("1002")
    ann.cancel(usage)
    (record,) = await board.settled()
    assert ending(record) == ("abandoned", "caller_cancelled", "caller", 487, 16)
    assert not ann.stack.census()["usages"]
    assert ben.events == [] or isinstance(ben.events[-1], InviteCancelled)


@virtually
async def test_the_callee_is_not_registered() -> None:
    board, ann, ben = await two_phones()
    await ann.invite("1003")
    failed = await ann.expect(InviteFailed)
    assert failed.status == 480
    (record,) = await board.settled()
    assert ending(record) == ("missed", "offline", "system", 480, 20)
    assert ben.events == []


@virtually
async def test_a_number_that_nobody_has_is_announced_and_refused() -> None:
    board, ann, _ = await two_phones()
    await ann.invite("4711")
    progress = await ann.expect(InviteProgress)
    assert (progress.response.status, bool(progress.response.body)) == (183, True)
    (state,) = board.media.states.values()
    assert state is not None
    assert state.player is not None
    assert (await ann.expect(InviteFailed)).status == 404
    (record,) = await board.settled()
    assert ending(record) == ("failed", "invalid_number", "system", 404, 1)
    assert record.destination_type == "not_in_service"
    assert 900 <= record.total_ms <= 1_200


@virtually
async def test_the_caller_leaves_during_an_announcement() -> None:
    board, ann, _ = await two_phones()
    usage = await ann.invite("4711")
    await ann.expect(InviteProgress)
    await asyncio.sleep(0.3)
    ann.cancel(usage)
    (record,) = await board.settled()
    assert ending(record)[:3] == ("abandoned", "caller_cancelled", "caller")


@virtually
async def test_echo() -> None:
    board, ann, _ = await two_phones()
    usage = await ann.invite("*60")
    await ann.expect(InviteAnswered)
    (port,) = board.media.states
    state = board.media.states[port]
    assert state is not None
    assert state.relay_to == port
    await asyncio.sleep(5)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert ending(record)[:3] == ("answered", "normal", "caller")
    assert 4_900 <= record.talk_ms <= 5_100


@virtually
async def test_a_prompt_is_played_and_the_call_ends() -> None:
    board, ann, _ = await two_phones()
    await ann.invite("*61")
    await ann.expect(InviteAnswered)
    bye = await ann.expect(ByeReceived)
    assert "cause=16" in (bye.request.headers.get("reason") or "")
    (record,) = await board.settled()
    assert ending(record)[:3] == ("answered", "normal", "system")


@virtually
async def test_a_tone_is_played_for_20_s_and_never_answered() -> None:
    board, ann, _ = await two_phones()
    await ann.invite("*63")
    assert (await ann.expect(InviteProgress)).response.status == 183
    assert (await ann.expect(InviteFailed)).status == 486
    (record,) = await board.settled()
    assert ending(record) == ("busy", "busy", "system", 486, 17)
    assert 19_900 <= record.total_ms <= 20_200


@virtually
async def test_a_hangup_with_a_cause() -> None:
    board, ann, _ = await two_phones()
    await ann.invite("*64")
    failed = await ann.expect(InviteFailed)
    assert failed.status == 486
    assert failed.response is not None
    assert "cause=17" in (failed.response.headers.get("reason") or "")
    (record,) = await board.settled()
    assert ending(record)[:2] == ("busy", "busy")
    assert record.total_ms == 0


@virtually
async def test_the_callee_falls_silent_in_the_middle() -> None:
    """Ben's phone loses power: Ann ends the call, Ben's leg ends without his help."""
    board, ann, ben = await two_phones()
    usage = await ann.invite("1002")
    ben.answer(await ben.ringing())
    await ann.expect(InviteAnswered)
    await asyncio.sleep(1)
    ben.switch_off()
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert ending(record)[:3] == ("answered", "normal", "caller")


@virtually
async def test_no_ack_ever_comes() -> None:
    """RFC 3261 §13.3.1.4: the call is ended after 64*T1, on both sides."""
    board, ann, ben = await two_phones()
    board.network.lose = lambda source, to, data: source == ann.address and data.startswith(b"ACK")
    await ann.invite("1002")
    ben.answer(await ben.ringing())
    await ann.expect(ByeReceived)
    await ben.expect(ByeReceived)
    (record,) = await board.settled()
    assert ending(record)[:3] == ("answered", "carrier_error", "system")
    assert 31_900 <= record.talk_ms <= 32_200

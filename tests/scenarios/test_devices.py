"""An extension with several devices: they ring together; sound before the answer."""

from __future__ import annotations

import asyncio

from sip.commands import Respond
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteCancelled, InviteFailed, InviteProgress
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually


async def a_desk_and_a_mobile() -> tuple[Switchboard, Phone, Phone, Phone]:
    """Ann (1001), and Ben's two devices (1002)."""
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    desk, mobile = board.phone("1002", "10.0.0.12"), board.phone("1002", "10.0.0.13")
    for phone in (ann, desk, mobile):
        assert (await phone.register()).response.status == 200, str(board)
    return board, ann, desk, mobile


@virtually
async def test_one_answers_the_other_is_told_so() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    first, _ = await desk.ringing(), await mobile.ringing()
    desk.answer(first)
    await ann.expect(InviteAnswered)
    cancelled = await mobile.expect(InviteCancelled)
    assert cancelled.request.headers.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    ann.hang_up(usage)
    await desk.expect(ByeReceived)
    (record,) = await board.settled()
    assert [leg.reason for leg in record.legs] == ["normal", "normal", "picked_up"]
    assert record.result == "answered"


@virtually
async def test_both_answer_at_once_and_one_call_remains() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    first, second = await desk.ringing(), await mobile.ringing()
    desk.answer(first)
    mobile.answer(second)
    await ann.expect(InviteAnswered)
    await desk.expect(AckReceived)
    await mobile.expect(AckReceived)
    await mobile.expect(ByeReceived)
    await asyncio.sleep(1)
    ann.hang_up(usage)
    await desk.expect(ByeReceived)
    (record,) = await board.settled()
    assert record.result == "answered"


@virtually
async def test_busy_on_one_lets_the_other_ring() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    desk.refuse(await desk.ringing(), 486)
    mobile.answer(await mobile.ringing())
    await ann.expect(InviteAnswered)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert [leg.reason for leg in record.legs] == ["normal", "busy", "normal"]


@virtually
async def test_a_6xx_speaks_for_all_devices() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    await ann.invite("1002")
    first, _ = await desk.ringing(), await mobile.ringing()
    desk.refuse(first, 603)
    assert (await ann.expect(InviteFailed)).status == 603
    await mobile.expect(InviteCancelled)
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("missed", "rejected")


@virtually
async def test_of_several_failures_the_most_telling_counts() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    await ann.invite("1002")
    desk.refuse(await desk.ringing(), 500)
    mobile.refuse(await mobile.ringing(), 486)
    assert (await ann.expect(InviteFailed)).status == 486
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("busy", "busy")


@virtually
async def test_a_device_that_is_off_does_not_keep_the_other_from_ringing() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    mobile.switch_off()
    usage = await ann.invite("1002")
    desk.answer(await desk.ringing())
    await ann.expect(InviteAnswered)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert record.result == "answered"


@virtually
async def test_a_caller_that_gives_up_stops_all_devices() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    await desk.ringing()
    await mobile.ringing()
    ann.cancel(usage)
    for phone in (desk, mobile):
        cancelled = await phone.expect(InviteCancelled)
        assert "cause=16" in (cancelled.request.headers.get("reason") or "")
    (record,) = await board.settled()
    assert record.result == "abandoned"


@virtually
async def test_sound_before_the_answer_then_the_answer() -> None:
    board, ann, desk, _ = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    call = await desk.ringing()
    assert (await ann.expect(InviteProgress)).response.status == 180
    desk.send(Respond(usage=call.usage, status=183, body=desk.sdp))
    early = await ann.expect(InviteProgress)
    assert (early.response.status, bool(early.response.body)) == (183, True)
    joined = [state for state in board.media.states.values() if state is not None and state.relay_to is not None]
    assert len(joined) == 2
    desk.answer(call)
    answered = await ann.expect(InviteAnswered)
    assert answered.response.body == early.response.body
    await asyncio.sleep(2)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert record.result == "answered"
    assert record.legs[1].early_media


@virtually
async def test_sound_before_the_answer_then_a_refusal() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    mobile.switch_off()
    board.node.unreachable(mobile.address)
    await ann.invite("1002")
    call = await desk.ringing()
    desk.send(Respond(usage=call.usage, status=183, body=desk.sdp))
    await ann.expect(InviteProgress)
    await asyncio.sleep(3)
    desk.refuse(call, 486)
    await asyncio.sleep(0.1)
    board.node.unreachable(mobile.address)
    assert (await ann.expect(InviteFailed)).status == 486
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("busy", "busy")


@virtually
async def test_sound_before_the_answer_then_another_device_answers() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    first, second = await desk.ringing(), await mobile.ringing()
    desk.send(Respond(usage=first.usage, status=183, body=desk.sdp))
    await ann.expect(InviteProgress)
    mobile.answer(second)
    await ann.expect(InviteAnswered)
    await desk.expect(InviteCancelled)
    await asyncio.sleep(0.2)
    states = [state for state in board.media.states.values() if state is not None]
    assert len(states) == 2, "the early leg's port is free again"
    assert all(state.relay_to in board.media.states for state in states)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert record.result == "answered"


@virtually
async def test_an_answer_that_cannot_be_read_goes_to_the_next_device() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    usage = await ann.invite("1002")
    first, second = await desk.ringing(), await mobile.ringing()
    desk.send(Respond(usage=first.usage, status=200, body=b"not a description"))
    await desk.expect(ByeReceived)
    mobile.answer(second)
    await ann.expect(InviteAnswered)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert [leg.reason for leg in record.legs] == ["normal", "codec_mismatch", "normal"]


@virtually
async def test_an_answer_with_a_codec_that_was_not_offered() -> None:
    board, ann, desk, mobile = await a_desk_and_a_mobile()
    mobile.switch_off()
    await ann.invite("1002")
    call = await desk.ringing()
    desk.send(Respond(usage=call.usage, status=200, body=sdp("10.0.0.12", 4000, (97, "SPEEX/8000"))))
    await desk.expect(ByeReceived)
    board.node.unreachable(mobile.address)
    assert (await ann.expect(InviteFailed)).status == 488
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("failed", "codec_mismatch")


@virtually
async def test_a_call_to_oneself_rings_the_other_devices() -> None:
    board, _, desk, mobile = await a_desk_and_a_mobile()
    usage = await desk.invite("1002")
    mobile.answer(await mobile.ringing())
    await desk.expect(InviteAnswered)
    desk.hang_up(usage)
    (record,) = await board.settled()
    assert record.result == "answered"

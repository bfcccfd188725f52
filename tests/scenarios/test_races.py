"""Messages that cross: answer and CANCEL, BYE and BYE, re-INVITE and BYE, to the millisecond."""

from __future__ import annotations

import asyncio

import pytest

from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteCancelled, InviteFailed
from sip.flow import Address
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually

# The caller acts so much later (or earlier) than the callee; a datagram flies 5 ms.
LAGS_MS = tuple(range(-20, 25, 5))


async def ringing() -> tuple[Switchboard, Phone, Phone, int, int]:
    """Ann's call rings at Ben's; the usages of both."""
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    for phone in (ann, ben):
        await phone.register()
    usage = await ann.invite("1002")
    call = await ben.ringing()
    await asyncio.sleep(1)
    return board, ann, ben, usage, call.usage


async def talking() -> tuple[Switchboard, Phone, Phone, int, int]:
    board, ann, ben, usage, incoming = await ringing()
    ben.answer_usage(incoming)
    await ann.expect(InviteAnswered)
    await ben.expect(AckReceived)
    await asyncio.sleep(1)
    return board, ann, ben, usage, incoming


def later(board: Switchboard, lag_ms: int, first: object, second: object) -> None:
    """Let both happen, `second` so much later than `first`."""
    assert callable(first)
    assert callable(second)
    board.loop.call_later(max(0, -lag_ms) / 1000, first)
    board.loop.call_later(max(0, lag_ms) / 1000, second)


@pytest.mark.parametrize("lag_ms", LAGS_MS)
@virtually
async def test_answer_and_cancel(lag_ms: int) -> None:
    board, ann, ben, usage, incoming = await ringing()
    later(board, lag_ms, lambda: ben.answer_usage(incoming), lambda: ann.cancel(usage))
    (record,) = await board.settled()
    heard = any(isinstance(event, InviteAnswered) for event in ann.events)
    if record.result == "abandoned":
        assert (record.reason, record.sip_code) == ("caller_cancelled", 487)
        assert not heard
        assert " 487 Request Term" in str(board)
    else:
        # The 200 was on its way: the caller's phone took it, and hung up at once.
        assert (record.result, record.reason, record.hangup_party) == ("answered", "normal", "caller")
        assert record.talk_ms <= 50
    ended = (ByeReceived, InviteCancelled)
    assert lag_ms < 0 or any(isinstance(event, ended) for event in ben.events), str(board)


@pytest.mark.parametrize("lag_ms", LAGS_MS)
@virtually
async def test_refusal_and_cancel(lag_ms: int) -> None:
    board, ann, ben, usage, incoming = await ringing()
    later(board, lag_ms, lambda: ben.refuse_usage(incoming, 486), lambda: ann.cancel(usage))
    (record,) = await board.settled()
    assert record.result in ("busy", "abandoned")
    assert not any(isinstance(event, InviteFailed) for event in ann.events) or record.result == "busy"


@pytest.mark.parametrize("lag_ms", LAGS_MS)
@virtually
async def test_bye_and_bye(lag_ms: int) -> None:
    board, ann, ben, usage, incoming = await talking()
    later(board, lag_ms, lambda: ben.hang_up(incoming), lambda: ann.hang_up(usage))
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("answered", "normal")
    assert record.hangup_party == ("callee" if lag_ms >= 0 else "caller") or lag_ms == 0


@pytest.mark.parametrize("lag_ms", LAGS_MS)
@virtually
async def test_reinvite_and_bye(lag_ms: int) -> None:
    board, ann, ben, usage, incoming = await talking()
    later(board, lag_ms, lambda: ben.hang_up(incoming), lambda: ann.reinvite(usage, ann.sdp))
    (record,) = await board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "normal", "callee")


@pytest.mark.parametrize("lag_ms", LAGS_MS)
@virtually
async def test_reinvite_and_bye_of_the_same_side(lag_ms: int) -> None:
    board, ann, _, usage, _ = await talking()

    def reinvite() -> None:
        if usage in ann.stack._core.usages and lag_ms >= 0:
            ann.reinvite(usage, ann.sdp)

    later(board, lag_ms, reinvite, lambda: ann.hang_up(usage))
    (record,) = await board.settled()
    assert (record.result, record.hangup_party) == ("answered", "caller")


@pytest.mark.parametrize("lag_ms", range(0, 40, 5))
@virtually
async def test_bye_right_after_the_answer(lag_ms: int) -> None:
    board, ann, ben, _, incoming = await ringing()
    later(board, lag_ms, lambda: ben.answer_usage(incoming), lambda: ben.hang_up(incoming))
    (record,) = await board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "normal", "callee")
    assert any(isinstance(event, ByeReceived) for event in ann.events)


@pytest.mark.parametrize("lag_ms", LAGS_MS)
@virtually
async def test_answer_at_the_last_moment(lag_ms: int) -> None:
    """The ring time runs out just as the callee answers."""
    board, ann, ben, _, incoming = await ringing()
    due = next(record.at_ns for record in board.journal.memory.envelopes if type(record.event).__name__ == "LegRinging")
    left_s = 30.0 - (board.clock.wall_ns() - due) / 1e9 - 0.01
    board.loop.call_later(left_s + lag_ms / 1000, lambda: ben.answer_usage(incoming))
    await asyncio.sleep(35)
    for event in ann.events:
        if isinstance(event, InviteAnswered):
            ann.hang_up(event.usage)
    (record,) = await board.settled()
    heard = any(isinstance(event, InviteAnswered) for event in ann.events)
    assert (record.result == "answered") == heard
    assert record.result in ("answered", "missed")


@virtually
async def test_shutdown_ends_every_call() -> None:
    board, ann, ben, _, _ = await talking()
    await ann.invite("1002")
    await ben.ringing()
    await board.node.stop()
    assert not board.node.sessions
    await asyncio.sleep(0.1)
    for phone in (ann, ben):
        assert any(isinstance(event, ByeReceived) for event in phone.events)
    assert any(isinstance(event, InviteCancelled) for event in ben.events)
    records = board.journal.records()
    assert sorted(record.reason for record in records) == ["supervisor_release"] * 2
    board.node.pump()
    await asyncio.sleep(100)


@pytest.mark.parametrize("lost", [1, 2])
@virtually
async def test_the_last_bye_of_a_node_that_stops_is_sent_again(lost: int) -> None:
    board, ann, ben, _, _ = await talking()
    left = {ann.address: lost, ben.address: lost}

    def lose(source: Address, to: Address, data: bytes) -> bool:
        if not data.startswith(b"BYE") or not left[to]:
            return False
        left[to] -= 1
        return True

    board.network.lose = lose
    await board.node.stop()
    assert board.node.stack.census()["usages"] == 0
    for phone in (ann, ben):
        await phone.expect(ByeReceived)

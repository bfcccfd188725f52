"""Faults of our own: they are told and counted, the far end gets an answer, and nothing else stops."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from dialplan.runner import DialplanRunner
from sip.events import ByeReceived, InviteAnswered, InviteFailed
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Phone, Switchboard
from tests.fakes.virtual_loop import virtually


def broken(*_: object) -> NoReturn:
    raise RuntimeError("a fault of ours")


async def two_phones() -> tuple[Switchboard, Phone, Phone]:
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    for phone in (ann, ben):
        await phone.register()
    return board, ann, ben


async def still_works(board: Switchboard, ann: Phone, ben: Phone) -> None:
    """A call goes through, and nothing is left; the faults so far are forgiven."""
    assert board.node.faults
    board.node.faults = 0
    usage = await ann.invite("1002")
    ben.answer(await ben.ringing())
    await ann.expect(InviteAnswered)
    ann.hang_up(usage)
    await ben.expect(ByeReceived)
    records = await board.settled()
    assert [record.result for record in records] == ["answered"]


@virtually
async def test_a_registrar_that_breaks() -> None:
    board, ann, ben = await two_phones()
    whole, board.node.on_register = board.node.on_register, broken
    assert (await ann.ask_to_register(())).response.status == 500
    board.node.on_register = whole
    await still_works(board, ann, ben)


@virtually
async def test_an_ingress_that_breaks() -> None:
    board, ann, ben = await two_phones()
    whole, board.node.on_invite = board.node.on_invite, broken
    await ann.invite("1002", password=False)
    assert (await ann.expect(InviteFailed)).status == 500
    board.node.on_invite = whole
    await still_works(board, ann, ben)


@virtually
async def test_a_message_that_breaks_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    board, ann, ben = await two_phones()
    with monkeypatch.context() as patch:
        patch.setattr(board.node.stack, "receive", broken)
        board.network.carry(b"OPTIONS sip:x SIP/2.0\r\n\r\n", ann.address, SERVER)
        await asyncio.sleep(0.1)
    await still_works(board, ann, ben)


@virtually
async def test_a_timer_that_breaks() -> None:
    board, ann, ben = await two_phones()
    timers = board.node.stack._core.timers
    timers.after(1.0, board.loop.time(), broken, None)
    await asyncio.sleep(40)
    await still_works(board, ann, ben)


@virtually
async def test_a_plan_that_breaks_ends_its_call_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    board, ann, ben = await two_phones()

    async def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(DialplanRunner, "run", fail)
        await ann.invite("1002")
        assert (await ann.expect(InviteFailed)).status == 500
    usage = await ann.invite("1002")
    ben.answer(await ben.ringing())
    await ann.expect(InviteAnswered)
    ann.hang_up(usage)
    await asyncio.sleep(100)
    reasons: list[str] = [record.reason for record in board.journal.records()]
    assert reasons == ["system_error", "normal"]
    assert set(board.node.stack.census().values()) == {0}

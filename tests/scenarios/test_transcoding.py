"""Calls between phones without a common codec: what each is offered and answered, and what their ports do."""

from __future__ import annotations

import asyncio

import pytest

from media.port_state import PortState
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteFailed
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually
from tests.scenarios.test_codec_change import PCMA, PCMU, codecs_of

G729 = (18, "G729/8000")
G722 = (9, "G722/8000")
OPUS = (111, "opus/48000/2")


async def two(board: Switchboard) -> tuple[Phone, Phone]:
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    for phone in (ann, ben):
        await phone.register()
    return ann, ben


def mixed(board: Switchboard) -> list[PortState]:
    states = [state for state in board.media.states.values() if state is not None]
    assert all(state.relay_to is None for state in states)
    return states


@pytest.mark.parametrize(
    ("one", "other", "rate_hz"), [(PCMU, PCMA, 8000), (PCMA, G722, 8000), (G722, OPUS, 16000), (OPUS, PCMU, 8000)]
)
@virtually
async def test_the_callee_is_asked_again_with_what_can_be_turned(
    one: tuple[int, str], other: tuple[int, str], rate_hz: int
) -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = await two(board)
    ben.sdp = sdp("10.0.0.12", 4000, other)
    usage = await ann.invite("1002", body=sdp("10.0.0.11", 4000, one))
    first = await ben.ringing()
    assert codecs_of(first.request.body) == [one[1].split("/")[0]]
    ben.refuse(first, 488)
    second = await ben.ringing()
    assert other[1].split("/")[0] in codecs_of(second.request.body)
    assert one[1].split("/")[0] not in codecs_of(second.request.body)
    ben.answer(second)
    answered = await ann.expect(InviteAnswered)
    assert codecs_of(answered.response.body) == [one[1].split("/")[0]]
    await ben.expect(AckReceived)
    await asyncio.sleep(1)
    states = mixed(board)
    spoken = {state.voice.speak.codec for state in states if state.voice is not None}
    assert spoken == {one[1].split("/")[0].lower(), other[1].split("/")[0].lower()}
    rooms = {(state.mix.room, state.mix.rate_hz) for state in states if state.mix is not None}
    assert len(rooms) == 1
    assert rooms.pop()[1] == rate_hz
    ann.hang_up(usage)
    await ben.expect(ByeReceived)
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("answered", "normal")


@virtually
async def test_what_cannot_be_decoded_is_not_asked_twice() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = await two(board)
    await ann.invite("1002", body=sdp("10.0.0.11", 4000, G729))
    ben.refuse(await ben.ringing(), 488)
    assert (await ann.expect(InviteFailed)).status == 488
    (record,) = await board.settled()
    assert record.reason == "codec_mismatch"


@virtually
async def test_a_callee_that_has_nothing_at_all_is_asked_once_more_and_no_more() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = await two(board)
    await ann.invite("1002", body=sdp("10.0.0.11", 4000, PCMU))
    for _ in range(2):
        ben.refuse(await ben.ringing(), 488)
    assert (await ann.expect(InviteFailed)).status == 488
    await board.settled()


@virtually
async def test_hold_goes_on_in_the_mixer() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = await two(board)
    ben.sdp = sdp("10.0.0.12", 4000, PCMA)
    usage = await ann.invite("1002", body=sdp("10.0.0.11", 4000, PCMU))
    ben.refuse(await ben.ringing(), 488)
    ben.answer(await ben.ringing())
    await ann.expect(InviteAnswered)
    await ben.expect(AckReceived)
    ann.reinvite(usage, sdp("10.0.0.11", 4000, PCMU, direction="sendonly"))
    await asyncio.sleep(1)
    held, listening = (state.mix for state in mixed(board))
    assert held is not None
    assert listening is not None
    assert (held.muted, listening.muted) == (True, False)
    assert [state.player is not None for state in mixed(board)] == [False, True]
    ann.hang_up(usage)
    await ben.expect(ByeReceived)
    await board.settled()

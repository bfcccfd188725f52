"""Reliable provisional responses (RFC 3262) between the server and either phone."""

from __future__ import annotations

import asyncio

import pytest

from media.sdp import parse_sdp
from sip.commands import Bye, Respond, SendInDialog
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteCancelled,
    InviteFailed,
    InviteProgress,
    PrackMissing,
    PrackReceived,
    ReinviteReceived,
    ResponseReceived,
    UpdateReceived,
)
from sip.flow import Address
from sip.offer_answer import Role
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually

RELIABLE = ("100rel",)


class Pair:
    """Ann calls Ben; either may know 100rel."""

    def __init__(self, ann: tuple[str, ...] = (), ben: tuple[str, ...] = ()) -> None:
        self.board = Switchboard(demo_snapshot())
        self.ann = self.board.phone("1001", "10.0.0.11", extensions=ann)
        self.ben = self.board.phone("1002", "10.0.0.12", extensions=ben)

    async def call(self, *, headers: tuple[tuple[str, str], ...] = ()) -> tuple[int, int]:
        for phone in (self.ann, self.ben):
            await phone.register()
        usage = await self.ann.invite("1002", headers=headers)
        return usage, (await self.ben.ringing()).usage

    async def early(self, incoming: int) -> InviteProgress:
        """Ben sends sound; what Ann is told."""
        self.ben.send(Respond(usage=incoming, status=183, body=self.ben.sdp))
        progress = await self.ann.expect(InviteProgress)
        while progress.response.status != 183:
            progress = await self.ann.expect(InviteProgress)
        return progress

    def pracks(self, host: str) -> int:
        """How many PRACKs a host sent."""
        return sum(
            source[0] == host and data.startswith(b"PRACK") for _, source, _, data, _ in self.board.network.carried
        )


async def settled(pair: Pair, reason: str = "normal") -> None:
    (record,) = await pair.board.settled()
    assert record.reason == reason, str(pair.board)


@pytest.mark.parametrize(("ann", "ben"), [(RELIABLE, RELIABLE), (RELIABLE, ()), ((), RELIABLE), ((), ())])
@virtually
async def test_early_sound_is_reliable_on_each_side_that_knows_how(ann: tuple[str, ...], ben: tuple[str, ...]) -> None:
    pair = Pair(ann, ben)
    usage, incoming = await pair.call()
    progress = await pair.early(incoming)
    assert ("rseq" in progress.response.headers) == bool(ann)
    assert progress.sdp is (Role.ANSWER if ann else Role.PREVIEW)
    pair.ben.answer_usage(incoming)
    await pair.ann.expect(InviteAnswered)
    await pair.ben.expect(AckReceived)
    assert (pair.pracks("10.0.0.11"), pair.pracks(SERVER[0])) == (len(ann), len(ben))
    pair.ann.hang_up(usage)
    await pair.ben.expect(ByeReceived)
    await settled(pair)


@virtually
async def test_a_lost_prack_costs_time_only() -> None:
    pair = Pair(RELIABLE, RELIABLE)
    usage, incoming = await pair.call()
    lost = 0

    def lose(source: Address, to: Address, data: bytes) -> bool:
        nonlocal lost
        if data.startswith((b"PRACK", b"SIP/2.0 183")) and lost < 4:
            lost += 1
            return True
        return False

    pair.board.network.lose = lose
    await pair.early(incoming)
    pair.ben.answer_usage(incoming)
    await pair.ann.expect(InviteAnswered)
    await pair.ben.expect(AckReceived)
    assert lost == 4
    pair.ann.hang_up(usage)
    await pair.ben.expect(ByeReceived)
    await settled(pair)


@virtually
async def test_a_prack_that_never_comes_ends_the_call() -> None:
    pair = Pair(RELIABLE)
    _, incoming = await pair.call()
    pair.board.network.lose = lambda source, to, data: data.startswith(b"PRACK")
    await pair.early(incoming)
    pair.ben.answer_usage(incoming)
    failed = await pair.ann.expect(InviteFailed, 200)
    assert failed.status == 504
    await pair.ben.expect(ByeReceived)
    await settled(pair, "carrier_error")


@virtually
async def test_our_answer_waits_for_the_prack_and_a_hang_up_overtakes_it() -> None:
    pair = Pair(RELIABLE)
    _, incoming = await pair.call()
    pair.board.network.lose = lambda source, to, data: data.startswith(b"PRACK")
    await pair.early(incoming)
    pair.ben.answer_usage(incoming)
    await pair.ben.expect(AckReceived)
    pair.ben.hang_up(incoming)
    assert (await pair.ann.expect(InviteFailed)).status == 480
    (record,) = await pair.board.settled()
    assert (record.reason, record.hangup_party) == ("normal", "callee")


@virtually
async def test_a_caller_that_requires_it_gets_all_of_them_so() -> None:
    pair = Pair(RELIABLE)
    usage, incoming = await pair.call(headers=(("require", "100rel"),))
    ringing = await pair.ann.expect(InviteProgress)
    assert ringing.response.status == 180
    assert ringing.response.require == RELIABLE
    pair.ben.answer_usage(incoming)
    await pair.ann.expect(InviteAnswered)
    pair.ann.hang_up(usage)
    await pair.ben.expect(ByeReceived)
    await settled(pair)


@virtually
async def test_a_caller_that_requires_it_and_gives_up() -> None:
    pair = Pair(RELIABLE)
    usage, _ = await pair.call(headers=(("require", "100rel"),))
    await pair.ann.expect(InviteProgress)
    pair.ann.cancel(usage)
    await pair.ben.expect(InviteCancelled)
    await settled(pair, "caller_cancelled")


@pytest.mark.parametrize(("rack", "status"), [("1 1 INVITE", 481), ("none", 400), (None, 400)])
@virtually
async def test_pracks_that_meet_nothing(rack: str | None, status: int) -> None:
    pair = Pair()
    usage, incoming = await pair.call()
    pair.ben.answer_usage(incoming)
    await pair.ann.expect(InviteAnswered)
    headers = () if rack is None else (("rack", rack),)
    pair.ann.send(SendInDialog(usage=usage, method="PRACK", headers=headers))
    assert (await pair.ann.expect(ResponseReceived)).response.status == status
    pair.ben.hang_up(incoming)
    await settled(pair)


async def update(phone: Phone, usage: int, body: bytes) -> int:
    phone.send(SendInDialog(usage=usage, method="UPDATE", body=body))
    return (await phone.expect(ResponseReceived)).response.status


@virtually
async def test_the_far_end_is_not_asked_for_what_it_does_not_know() -> None:
    """Without 100rel on its side, a phone is sent plain provisional responses and nobody sends PRACK."""
    pair = Pair()
    usage, incoming = await pair.call()
    progress = await pair.early(incoming)
    assert parse_sdp(progress.response.body).media[0].port
    assert not progress.response.require
    pair.ann.cancel(usage)
    await pair.ben.expect(InviteCancelled)
    assert not [event for event in pair.ann.events if isinstance(event, PrackReceived | PrackMissing)]
    await settled(pair, "caller_cancelled")


@virtually
async def test_update_after_the_answer_moves_the_sound() -> None:
    pair = Pair(RELIABLE, RELIABLE)
    usage, incoming = await pair.call()
    pair.ben.answer_usage(incoming)
    await pair.ann.expect(InviteAnswered)
    await asyncio.sleep(1)
    assert await update(pair.ann, usage, sdp("10.0.0.77", 6000)) == 200
    states = [state for state in pair.board.media.states.values() if state is not None]
    assert ("10.0.0.77", 6000) in [state.remote_rtp for state in states]
    assert not [event for event in pair.ben.events if isinstance(event, ReinviteReceived | UpdateReceived)]
    pair.ann.send(Bye(usage=usage))
    await pair.ben.expect(ByeReceived)
    await settled(pair)

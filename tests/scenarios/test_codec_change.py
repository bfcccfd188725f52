"""Codecs that change in mid-call: passed to the other side where they must be, and only then."""

from __future__ import annotations

import asyncio

import pytest

from media.sdp import parse_sdp
from pbx.snapshot import Snapshot
from sip.commands import Respond, SendInDialog
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteProgress, ReinviteReceived, ResponseReceived
from sip.offer_answer import Role
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually

PCMU, PCMA = (0, "PCMU/8000"), (8, "PCMA/8000")


class Talk:
    """Ann and Ben; each says what it takes."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.board = Switchboard(snapshot or demo_snapshot())
        self.ann, self.ben = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")
        self.usage = self.incoming = 0

    async def up(self, *codecs: tuple[int, str], body: bytes | None = None) -> Talk:
        for phone in (self.ann, self.ben):
            await phone.register()
        self.ben.sdp = sdp("10.0.0.12", 4000, *codecs)
        self.usage = await self.ann.invite("1002", body=body)
        call = await self.ben.ringing()
        self.incoming = call.usage
        self.ben.answer(call)
        answered = await self.ann.expect(InviteAnswered)
        if answered.sdp is Role.OFFER:
            self.ann.ack(self.usage, sdp("10.0.0.11", 4000, PCMA))
        await self.ben.expect(AckReceived)
        return self

    async def final(self, phone: Phone) -> ResponseReceived:
        while True:
            answer = await phone.expect(ResponseReceived)
            if answer.response.status >= 200:
                return answer

    async def end(self) -> None:
        await asyncio.sleep(1)
        self.ann.hang_up(self.usage)
        await self.ben.expect(ByeReceived)
        (record,) = await self.board.settled()
        assert (record.result, record.reason) == ("answered", "normal")

    def maps(self) -> set[tuple[tuple[int, int], ...]]:
        """How the ports renumber what they relay."""
        return {state.payload_map for state in self.board.media.states.values() if state is not None}


def codecs_of(body: bytes) -> list[str]:
    """Names of the codecs; events, which go along with any of them, are left out."""
    return [form.name for form in parse_sdp(body).media[0].formats if form.name != "telephone-event"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@virtually
async def test_a_new_codec_is_offered_to_the_other_side(method: str) -> None:
    talk = await Talk().up(PCMU)
    talk.ann.send(SendInDialog(usage=talk.usage, method=method, body=sdp("10.0.0.11", 4000, PCMA)))
    passed = await talk.ben.expect(ReinviteReceived)
    assert codecs_of(passed.request.body) == ["PCMA"]
    talk.ben.send(Respond(tx=passed.tx, status=200, body=sdp("10.0.0.12", 4000, PCMA)))
    answer = await talk.final(talk.ann)
    assert answer.response.status == 200
    assert codecs_of(answer.response.body) == ["PCMA"]
    assert talk.maps() == {((8, 8),)}
    await talk.end()


@pytest.mark.parametrize("said", [488, 500, 415])
@virtually
async def test_where_the_other_side_does_not_take_it_the_mixer_turns_one_into_the_other(said: int) -> None:
    talk = await Talk().up(PCMU)
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, PCMA))
    passed = await talk.ben.expect(ReinviteReceived)
    talk.ben.send(Respond(tx=passed.tx, status=said))
    answer = await talk.final(talk.ann)
    assert answer.response.status == 200
    assert codecs_of(answer.response.body) == ["PCMA"]
    states = [state for state in talk.board.media.states.values() if state is not None]
    assert sorted(state.voice.speak.codec for state in states if state.voice is not None) == ["pcma", "pcmu"]
    assert len({state.mix.room for state in states if state.mix is not None}) == 1
    assert [state.relay_to for state in states] == [None, None]
    await talk.end()


@virtually
async def test_the_other_side_asks_for_something_itself() -> None:
    talk = await Talk().up(PCMU)
    before = dict(talk.board.media.states)
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, PCMA))
    passed = await talk.ben.expect(ReinviteReceived)
    talk.ben.send(Respond(tx=passed.tx, status=491))
    assert (await talk.final(talk.ann)).response.status == 491
    assert talk.board.media.states == before
    await talk.end()


@virtually
async def test_both_change_at_once() -> None:
    """Each side's offer would be passed to a side that has one of its own out: both are told to wait."""
    talk = await Talk().up(PCMU)
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, PCMA))
    talk.ben.reinvite(talk.incoming, sdp("10.0.0.12", 4000, PCMA))
    told = {(await talk.final(phone)).response.status for phone in (talk.ann, talk.ben)}
    assert told == {491}
    await talk.end()


@virtually
async def test_the_one_who_asked_hangs_up_meanwhile() -> None:
    talk = await Talk().up(PCMU)
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, PCMA))
    passed = await talk.ben.expect(ReinviteReceived)
    talk.ann.hang_up(talk.usage)
    await talk.ben.expect(ByeReceived)
    talk.ben.send(Respond(tx=passed.tx, status=200, body=sdp("10.0.0.12", 4000, PCMA)))
    (record,) = await talk.board.settled()
    assert (record.result, record.hangup_party) == ("answered", "caller")


@virtually
async def test_the_other_side_hangs_up_instead_of_answering() -> None:
    talk = await Talk().up(PCMU)
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, PCMA))
    await talk.ben.expect(ReinviteReceived)
    talk.ben.hang_up(talk.incoming)
    await talk.ann.expect(ByeReceived)
    (record,) = await talk.board.settled()
    assert (record.result, record.hangup_party) == ("answered", "callee")


@virtually
async def test_a_late_answer_that_takes_less_is_passed_on() -> None:
    """Ann was offered what Ben took, both codecs, and takes one: Ben is asked to send that one only."""
    talk = await Talk().up(PCMU, PCMA, body=b"")
    passed = await talk.ben.expect(ReinviteReceived)
    assert codecs_of(passed.request.body) == ["PCMA"]
    talk.ben.send(Respond(tx=passed.tx, status=200, body=sdp("10.0.0.12", 4000, PCMA)))
    await talk.end()


@virtually
async def test_an_offer_of_ours_that_crosses_one_of_theirs_is_made_again() -> None:
    talk = await Talk().up(PCMU, PCMA, body=b"")
    for status in (491, 491, 200):
        passed = await talk.ben.expect(ReinviteReceived)
        body = sdp("10.0.0.12", 4000, PCMA) if status == 200 else b""
        talk.ben.send(Respond(tx=passed.tx, status=status, body=body))
    await talk.end()


@virtually
async def test_early_sound_in_one_codec_and_an_answer_in_another() -> None:
    """Two phones of one number: one sends sound first, the other answers. The caller is asked over to its codec."""
    snapshot = demo_snapshot()
    talk = Talk(snapshot)
    other = talk.board.phone("1002", "10.0.0.13")
    device = snapshot.tenants["demo"].devices["1002"]
    object.__setattr__(device, "max_contacts", 2)
    for phone in (talk.ann, talk.ben, other):
        await phone.register()
    usage = await talk.ann.invite("1002")
    first, second = await talk.ben.ringing(), await other.ringing()
    talk.ben.send(Respond(usage=first.usage, status=183, body=sdp("10.0.0.12", 4000, PCMU)))
    progress = await talk.ann.expect(InviteProgress)
    while progress.response.status != 183:
        progress = await talk.ann.expect(InviteProgress)
    assert codecs_of(progress.response.body) == ["PCMU"]
    other.send(Respond(usage=second.usage, status=200, body=sdp("10.0.0.13", 4000, PCMA)))
    await talk.ann.expect(InviteAnswered)
    asked = await talk.ann.expect(ReinviteReceived)
    assert codecs_of(asked.request.body) == ["PCMA"]
    talk.ann.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.0.11", 4000, PCMA)))
    await asyncio.sleep(1)
    assert talk.maps() == {((8, 8),)}
    talk.ann.hang_up(usage)
    await other.expect(ByeReceived)
    await talk.board.settled()

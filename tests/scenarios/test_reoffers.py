"""Offers in all places: hold and resume, late offers, codecs that do not fit, descriptions that cannot be read."""

from __future__ import annotations

import asyncio

import pytest

from media.sdp import parse_sdp
from sip.commands import SendInDialog
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteFailed,
    InviteReceived,
    ReinviteReceived,
    ResponseReceived,
)
from sip.offer_answer import Role
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually


class Talk:
    """Ann and Ben."""

    def __init__(self) -> None:
        self.board = Switchboard(demo_snapshot())
        self.ann, self.ben = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")
        self.usage = 0
        self.incoming = 0

    async def register(self) -> Talk:
        for phone in (self.ann, self.ben):
            assert (await phone.register()).response.status == 200, str(self.board)
        return self

    async def up(self) -> Talk:
        await self.register()
        self.usage = await self.ann.invite("1002")
        call = await self.ben.ringing()
        self.incoming = call.usage
        self.ben.answer(call)
        await self.ann.expect(InviteAnswered)
        await self.ben.expect(AckReceived)
        await asyncio.sleep(1)
        return self

    async def final(self, phone: Phone) -> ResponseReceived:
        while True:
            answer = await phone.expect(ResponseReceived)
            if answer.response.status >= 200:
                return answer

    def sends_to(self, host: str) -> bool:
        """Whether a port sends sound to a host."""
        states = [state for state in self.board.media.states.values() if state is not None]
        return any(state.send and state.remote_rtp is not None and state.remote_rtp[0] == host for state in states)

    async def end(self) -> None:
        self.ann.hang_up(self.usage)
        await self.ben.expect(ByeReceived)
        (record,) = await self.board.settled()
        assert (record.result, record.reason) == ("answered", "normal")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@virtually
async def test_hold_and_resume(method: str) -> None:
    talk = await Talk().up()
    for direction, answer in (("sendonly", "recvonly"), ("inactive", "inactive"), ("sendrecv", "sendrecv")):
        body = sdp("10.0.0.11", 4000, direction=direction)
        talk.ann.send(SendInDialog(usage=talk.usage, method=method, body=body))
        response = (await talk.final(talk.ann)).response
        assert response.status == 200
        assert parse_sdp(response.body).media[0].direction == answer
        assert talk.sends_to("10.0.0.11") == (direction == "sendrecv")
        assert talk.sends_to("10.0.0.12")
        await asyncio.sleep(1)
    assert not [event for event in talk.ben.events if isinstance(event, ReinviteReceived)]
    await talk.end()


@virtually
async def test_a_phone_that_moves_its_sound_to_another_port() -> None:
    talk = await Talk().up()
    talk.ben.reinvite(talk.incoming, sdp("10.0.0.99", 6000))
    assert (await talk.final(talk.ben)).response.status == 200
    assert talk.sends_to("10.0.0.99")
    assert not talk.sends_to("10.0.0.12")
    await talk.end()


@virtually
async def test_a_reinvite_that_does_not_fit_changes_nothing() -> None:
    talk = await Talk().up()
    before = dict(talk.board.media.states)
    for body in (sdp("10.0.0.99", 6000, (97, "SPEEX/8000")), b"not a description"):
        talk.ann.reinvite(talk.usage, body)
        response = (await talk.final(talk.ann)).response
        assert response.status == 488
        assert "399" in (response.headers.get("warning") or "")
    assert talk.board.media.states == before
    talk.ann.reinvite(talk.usage, talk.ann.sdp)
    assert (await talk.final(talk.ann)).response.status == 200
    await talk.end()


@virtually
async def test_a_reinvite_without_an_offer_gets_ours() -> None:
    talk = await Talk().up()
    talk.ann.reinvite(talk.usage, b"")
    answer = await talk.final(talk.ann)
    assert (answer.response.status, answer.sdp) == (200, Role.OFFER)
    talk.ann.ack(talk.usage, sdp("10.0.0.77", 6000))
    await asyncio.sleep(0.1)
    assert talk.sends_to("10.0.0.77")
    await talk.end()


@pytest.mark.parametrize("direction", ["inactive", "sendonly"])
@virtually
async def test_a_held_call_is_resumed_by_a_reinvite_without_an_offer(direction: str) -> None:
    talk = await Talk().up()
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, direction=direction))
    held = parse_sdp((await talk.final(talk.ann)).response.body)
    assert not talk.sends_to("10.0.0.11")
    talk.ann.reinvite(talk.usage, b"")
    offer = parse_sdp((await talk.final(talk.ann)).response.body)
    assert offer.media[0].direction == "sendrecv"
    assert int(offer.version) == int(held.version) + 1
    talk.ann.ack(talk.usage, sdp("10.0.0.11", 4000))
    await asyncio.sleep(0.1)
    assert talk.sends_to("10.0.0.11")
    await talk.end()


@virtually
async def test_an_invite_without_an_offer_is_answered_with_one() -> None:
    talk = await Talk().register()
    talk.usage = await talk.ann.invite("1002", body=b"")
    call = await talk.ben.ringing()
    talk.ben.answer(call)
    answered = await talk.ann.expect(InviteAnswered)
    assert answered.sdp is Role.OFFER
    talk.ann.ack(talk.usage, talk.ann.sdp)
    await talk.ben.expect(AckReceived)
    await asyncio.sleep(0.1)
    assert talk.sends_to("10.0.0.11")
    assert talk.sends_to("10.0.0.12")
    await talk.end()


@pytest.mark.parametrize("body", [b"", b"not a description", sdp("10.0.0.11", 4000, (97, "SPEEX/8000"))])
@virtually
async def test_an_offer_in_the_2xx_that_gets_no_good_answer_ends_the_call(body: bytes) -> None:
    talk = await Talk().register()
    usage = await talk.ann.invite("1002", body=b"")
    talk.ben.answer(await talk.ben.ringing())
    await talk.ann.expect(InviteAnswered)
    talk.ann.ack(usage, body)
    await talk.ann.expect(ByeReceived)
    await talk.ben.expect(ByeReceived)
    (record,) = await talk.board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "codec_mismatch", "system")


@virtually
async def test_an_offer_of_codecs_that_nobody_here_has() -> None:
    talk = await Talk().register()
    await talk.ann.invite("1002", body=sdp("10.0.0.11", 4000, (97, "SPEEX/8000")))
    assert (await talk.ann.expect(InviteFailed)).status == 488
    (record,) = await talk.board.settled()
    assert (record.result, record.reason, record.sip_code) == ("failed", "codec_mismatch", 488)
    assert not [event for event in talk.ben.events if isinstance(event, InviteReceived)]


@pytest.mark.parametrize("number", ["*60", "*61"])
@virtually
async def test_the_server_itself_does_not_have_the_codec(number: str) -> None:
    talk = await Talk().register()
    await talk.ann.invite(number, body=sdp("10.0.0.11", 4000, (97, "SPEEX/8000")))
    assert (await talk.ann.expect(InviteFailed)).status == 488
    (record,) = await talk.board.settled()
    assert (record.result, record.reason) == ("failed", "codec_mismatch")


@virtually
async def test_a_description_that_cannot_be_read() -> None:
    talk = await Talk().register()
    await talk.ann.invite("1002", body=b"v=0\r\nthis is no description\r\n")
    failed = await talk.ann.expect(InviteFailed)
    assert failed.status == 400
    assert failed.response is not None
    assert "399" in (failed.response.headers.get("warning") or "")
    (record,) = await talk.board.settled()
    assert (record.result, record.sip_code) == ("failed", 400)


@virtually
async def test_reinvites_of_both_sides_at_once() -> None:
    """The server answers each by itself; they do not meet."""
    talk = await Talk().up()
    talk.ann.reinvite(talk.usage, talk.ann.sdp)
    talk.ben.reinvite(talk.incoming, talk.ben.sdp)
    for phone in (talk.ann, talk.ben):
        assert (await talk.final(phone)).response.status == 200
    await talk.end()


@pytest.mark.parametrize(("method", "status"), [("INFO", 200), ("OPTIONS", 200), ("MESSAGE", 405), ("REFER", 405)])
@virtually
async def test_other_requests_within_a_call(method: str, status: int) -> None:
    talk = await Talk().up()
    talk.ann.send(SendInDialog(usage=talk.usage, method=method))
    assert (await talk.final(talk.ann)).response.status == status
    await talk.end()

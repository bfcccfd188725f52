"""Session timers (RFC 4028): refreshed in time by whoever shall, given up when the far end is silent."""

from __future__ import annotations

import asyncio

import pytest

from sip.commands import Respond, SendInDialog
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteFailed,
    InviteReceived,
    RefreshDue,
    ReinviteReceived,
    ResponseReceived,
    UpdateReceived,
)
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Switchboard
from tests.fakes.virtual_loop import virtually

TIMER = ("timer",)


class Talk:
    """Ann calls Ben."""

    def __init__(self, ann: tuple[str, ...] = (), ben: tuple[str, ...] = ()) -> None:
        self.board = Switchboard(demo_snapshot())
        self.ann = self.board.phone("1001", "10.0.0.11", extensions=ann)
        self.ben = self.board.phone("1002", "10.0.0.12", extensions=ben)
        self.usage = self.incoming = 0

    async def up(self, headers: tuple[tuple[str, str], ...] = ()) -> InviteAnswered:
        for phone in (self.ann, self.ben):
            await phone.register()
        self.usage = await self.ann.invite("1002", headers=headers)
        self.incoming = (await self.ben.ringing()).usage
        self.ben.answer_usage(self.incoming)
        answered = await self.ann.expect(InviteAnswered)
        await self.ben.expect(AckReceived)
        return answered

    async def end(self) -> None:
        self.ann.hang_up(self.usage)
        await self.ben.expect(ByeReceived)
        (record,) = await self.board.settled()
        assert record.reason == "normal"


@virtually
async def test_phones_that_know_nothing_of_it_are_left_alone() -> None:
    talk = Talk()
    answered = await talk.up()
    assert "session-expires" not in answered.response.headers
    await asyncio.sleep(7200)
    assert not [event for event in talk.ben.events + talk.ann.events if isinstance(event, ReinviteReceived)]
    await talk.end()


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((), "1800;refresher=uac"),
        ((("session-expires", "600"),), "600;refresher=uac"),
        ((("session-expires", "90000"),), "1800;refresher=uac"),
        ((("session-expires", "300;refresher=uas"),), "300;refresher=uas"),
        ((("session-expires", "4000"), ("min-se", "3000")), "3000;refresher=uac"),
    ],
)
@virtually
async def test_what_a_caller_that_knows_it_is_given(asked: tuple[tuple[str, str], ...], given: str) -> None:
    talk = Talk()
    answered = await talk.up((("supported", "timer"), *asked))
    assert answered.response.headers.get("session-expires") == given
    assert ("timer" in answered.response.require) == given.endswith("uac")
    await talk.end()


@virtually
async def test_too_short_an_interval_is_refused() -> None:
    talk = Talk()
    await talk.ann.register()
    await talk.ann.invite("1002", headers=(("supported", "timer"), ("session-expires", "60")), password=False)
    failed = await talk.ann.expect(InviteFailed)
    assert failed.status == 422
    assert failed.response is not None
    assert failed.response.headers.get("min-se") == "90"
    assert not await talk.board.settled()


@pytest.mark.parametrize("updates", [True, False])
@virtually
async def test_the_server_refreshes_its_callee(updates: bool) -> None:
    """It was told `refresher=uac`, which it is; by UPDATE where the phone takes it, else by the offer it knows."""
    talk = Talk(ben=TIMER)
    for phone in (talk.ann, talk.ben):
        await phone.register()
    usage = await talk.ann.invite("1002")
    invite = await talk.ben.expect(InviteReceived)
    assert invite.request.headers.get("session-expires") == "1800"
    headers = () if updates else (("x-none", "1"),)
    talk.ben.send(Respond(usage=invite.usage, status=200, body=talk.ben.sdp, headers=headers))
    await talk.ann.expect(InviteAnswered)
    await talk.ben.expect(AckReceived)
    for _ in range(3):
        asked = await talk.ben.expect(UpdateReceived, 1000)
        assert asked.request.headers.get("session-expires") == "1800;refresher=uac"
        assert not asked.request.body
        if updates:
            talk.ben.send(Respond(tx=asked.tx, status=200))
            continue
        talk.ben.send(Respond(tx=asked.tx, status=501))
        again = await talk.ben.expect(ReinviteReceived)
        assert again.request.body == invite.request.body, "the very description that it knows"
        talk.ben.send(Respond(tx=again.tx, status=200, body=talk.ben.sdp))
    talk.usage = usage
    await talk.end()


@virtually
async def test_a_callee_that_stops_answering_refreshes_is_given_up() -> None:
    talk = Talk(ben=TIMER)
    await talk.up()
    talk.ben.switch_off()
    await talk.ann.expect(ByeReceived, 1800)
    (record,) = await talk.board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "carrier_error", "system")


@virtually
async def test_a_caller_that_does_not_refresh_as_it_promised_is_given_up() -> None:
    talk = Talk()
    await talk.up((("supported", "timer"), ("session-expires", "300;refresher=uac")))
    began = talk.board.loop.time()
    await talk.ben.expect(ByeReceived, 300)
    assert 267 <= talk.board.loop.time() - began <= 269, "RFC 4028 §10: 32 s before the interval ends"
    (record,) = await talk.board.settled()
    assert (record.reason, record.legs[0].sip_code) == ("carrier_error", 408)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@virtually
async def test_a_caller_that_refreshes_keeps_its_call(method: str) -> None:
    talk = Talk(ann=TIMER)
    await talk.up()
    for _ in range(3):
        await talk.ann.expect(RefreshDue, 1000)
        body = talk.ann.sdp if method == "INVITE" else b""
        talk.ann.send(SendInDialog(usage=talk.usage, method=method, body=body))
        answer = await talk.ann.expect(ResponseReceived)
        while answer.response.status < 200:
            answer = await talk.ann.expect(ResponseReceived)
        assert answer.response.headers.get("session-expires") == "1800;refresher=uac"
    await talk.end()


@virtually
async def test_a_callee_that_demands_longer_sessions_gets_them() -> None:
    """422 with Min-SE: the INVITE goes again with the interval that was demanded (RFC 4028 §7.4)."""
    talk = Talk()
    for phone in (talk.ann, talk.ben):
        await phone.register()
    talk.usage = await talk.ann.invite("1002")
    first = await talk.ben.expect(InviteReceived)
    talk.ben.send(Respond(usage=first.usage, status=422, headers=(("min-se", "3600"),)))
    again = await talk.ben.expect(InviteReceived)
    assert again.request.headers.get("session-expires") == "3600"
    assert again.request.headers.get("min-se") == "3600"
    assert again.request.call_id == first.request.call_id
    assert again.request.cseq.number == first.request.cseq.number + 1
    talk.ben.send(Respond(usage=again.usage, status=200, body=talk.ben.sdp))
    await talk.ann.expect(InviteAnswered)
    await talk.ben.expect(AckReceived)
    await talk.end()


@pytest.mark.parametrize("least", ["", "50", "900000"])
@virtually
async def test_a_422_that_demands_nothing_sensible_fails_the_call(least: str) -> None:
    talk = Talk()
    for phone in (talk.ann, talk.ben):
        await phone.register()
    talk.usage = await talk.ann.invite("1002")
    first = await talk.ben.expect(InviteReceived)
    headers = (("min-se", least),) if least else ()
    talk.ben.send(Respond(usage=first.usage, status=422, headers=headers))
    assert (await talk.ann.expect(InviteFailed)).status >= 400
    (record,) = await talk.board.settled()
    assert record.result == "failed"

"""Peers that write their SIP by hand: exchanges within a call, refused, cancelled, out of turn."""

from __future__ import annotations

import asyncio

import pytest

from media.sdp import parse_sdp
from sip.commands import Respond, SendInDialog
from sip.events import ReinviteReceived, ResponseReceived, UpdateReceived
from tests.fakes.raw_call import CARRIER, SDP, RawCall
from tests.fakes.switchboard import sdp
from tests.fakes.virtual_loop import virtually


@virtually
async def test_a_refused_refresh_leaves_the_next_offer_its_way() -> None:
    call = RawCall()
    await call.ring()
    await call.pick_up(("session-expires", "90;refresher=uac"), ("require", "timer"))
    refresh = await call.far.expect(UpdateReceived, 100)
    call.far.send(Respond(tx=refresh.tx, status=500))
    await asyncio.sleep(0.1)
    call.far.send(SendInDialog(usage=call.incoming, method="UPDATE", body=sdp("10.0.2.1", 4100)))
    assert (await call.far.expect(ResponseReceived)).response.status == 200
    await call.end()


@virtually
async def test_a_new_codec_that_is_cancelled_while_the_other_side_is_asked() -> None:
    call = RawCall()
    await call.up()
    offer, reply = (sdp(host, 4000, (9, "G722/8000")) for host in ("10.0.1.1", "10.0.2.1"))
    via = await call.ask("INVITE", 2, body=offer)
    asked = await call.far.expect(ReinviteReceived)
    await call.ask("CANCEL", 2, via=via)
    await call.ask("ACK", 2, via=via)
    assert call.statuses(2) == [100, 487]
    call.far.send(Respond(tx=asked.tx, status=200, body=reply))
    back = await call.far.expect(ReinviteReceived)
    call.far.send(Respond(tx=back.tx, status=200, body=call.far.sdp))
    await asyncio.sleep(1)
    states = [state for state in call.board.media.states.values() if state is not None]
    assert all((0, 0) in state.payload_map and 0 in state.accept for state in states), states
    await call.end()


@virtually
async def test_a_refresh_that_asks_for_no_timer_ends_the_timer() -> None:
    call = RawCall()
    await call.up("Supported: timer", "Session-Expires: 90;refresher=uac")
    assert call.answer().headers.get("session-expires") == "90;refresher=uac"
    await call.ask("UPDATE", 2)
    assert call.answer("UPDATE").headers.get("session-expires") is None
    await asyncio.sleep(300)
    assert not call.raw.requests("BYE")
    await call.end()


@virtually
async def test_a_description_that_was_refused_is_not_offered_again() -> None:
    call = RawCall()
    await call.up()
    await call.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await call.ask("ACK", 2)
    narrower = await call.far.expect(ReinviteReceived)
    call.far.send(Respond(tx=narrower.tx, status=488))
    await asyncio.sleep(1)
    call.far.reinvite(call.incoming, b"")
    reply = await call.far.expect(ResponseReceived)
    while reply.response.status < 200:
        reply = await call.far.expect(ResponseReceived)
    assert [form.name for form in parse_sdp(reply.response.body).media[0].formats][:2] == ["PCMU", "PCMA"]
    call.far.ack(call.incoming, call.far.sdp)
    await call.end()


@virtually
async def test_music_follows_the_codec_of_who_hears_it() -> None:
    call = RawCall()
    await call.up(body=sdp(CARRIER[0], 4000, (0, "PCMU/8000"), (8, "PCMA/8000")))
    call.far.reinvite(call.incoming, sdp("10.0.2.1", 4000, direction="sendonly"))
    await asyncio.sleep(1)
    await call.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await call.ask("ACK", 2)
    (player,) = [state.player for state in call.board.media.states.values() if state is not None and state.player]
    assert player.payload_type == 8
    asked = await call.far.expect(ReinviteReceived)
    call.far.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.2.1", 4000, (8, "PCMA/8000"), direction="sendonly")))
    await asyncio.sleep(1)
    assert player in [state.player for state in call.board.media.states.values() if state is not None]
    await call.end()


@virtually
async def test_an_echo_takes_another_codec() -> None:
    call = RawCall()
    await call.ask("INVITE", 1, body=sdp(CARRIER[0], 4000, (0, "PCMU/8000")), number="9005")
    await call.ask("ACK", 1)
    await call.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await call.ask("ACK", 2)
    assert call.statuses(2) == [100, 200]
    (state,) = call.board.media.states.values()
    assert state is not None
    assert (state.accept, state.payload_map) == ((8,), ((8, 8),))
    await call.end()


@virtually
async def test_no_invite_of_ours_before_the_ack_of_theirs() -> None:
    call = RawCall()
    await call.up()
    await call.ask("INVITE", 2, body=sdp(CARRIER[0], 4400))
    call.far.reinvite(call.incoming, sdp("10.0.2.1", 4000, (9, "G722/8000")))
    await asyncio.sleep(0.2)
    assert not call.raw.requests("INVITE")
    final = await call.far.expect(ResponseReceived)
    while final.response.status < 200:
        final = await call.far.expect(ResponseReceived)
    assert final.response.status == 491
    await call.ask("ACK", 2)
    await call.end()


@virtually
async def test_a_refresh_that_is_too_brief_is_made_again_with_the_interval_demanded() -> None:
    call = RawCall()
    await call.ring()
    await call.pick_up(("session-expires", "90;refresher=uac"), ("require", "timer"))
    refresh = await call.far.expect(UpdateReceived, 100)
    call.far.send(Respond(tx=refresh.tx, status=422, headers=(("min-se", "120"),)))
    refresh = await call.far.expect(UpdateReceived, 30)
    assert refresh.request.headers.get("session-expires") == "120;refresher=uac"
    assert refresh.request.headers.get("min-se") == "120"
    call.far.send(Respond(tx=refresh.tx, status=200, headers=(("session-expires", "120;refresher=uac"),)))
    await call.far.expect(UpdateReceived, 65)
    await call.end()


@virtually
async def test_an_offer_that_is_made_again_says_what_fits_by_then() -> None:
    call = RawCall()
    await call.up()
    await call.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await call.ask("ACK", 2)
    asked = await call.far.expect(ReinviteReceived)
    call.far.send(Respond(tx=asked.tx, status=491))
    await asyncio.sleep(0.1)
    # Before it is made again the carrier goes back to what it had.
    await call.ask("INVITE", 3, body=sdp(CARRIER[0], 4000, (0, "PCMU/8000")))
    asked = await call.far.expect(ReinviteReceived)
    call.far.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.2.1", 4000, (0, "PCMU/8000"))))
    await asyncio.sleep(0.1)
    await call.ask("ACK", 3)
    await asyncio.sleep(10)
    assert not [event for event in call.far.events if isinstance(event, ReinviteReceived)]
    assert {state.accept for state in call.board.media.states.values() if state is not None} == {(0,)}
    await call.end()


@virtually
async def test_a_storm_of_491_makes_few_offers() -> None:
    call = RawCall()
    await call.up()
    offers = 0
    for cseq in range(2, 32):
        await call.ask("INVITE", cseq, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
        await call.ask("ACK", cseq)
        for event in call.far.events:
            if isinstance(event, ReinviteReceived):
                call.far.send(Respond(tx=event.tx, status=491))
        call.far.events.clear()
    for _ in range(200):
        await asyncio.sleep(0.1)
        for event in call.far.events:
            if isinstance(event, ReinviteReceived):
                offers += 1
                call.far.send(Respond(tx=event.tx, status=491))
        call.far.events.clear()
    assert offers <= 4
    await call.end()


@pytest.mark.parametrize("side", ["caller", "callee"])
@virtually
async def test_a_call_that_begins_on_hold(side: str) -> None:
    call = RawCall()
    held = SDP.replace(b"c=IN IP4 10.0.1.1", b"c=IN IP4 0.0.0.0") if side == "caller" else SDP
    call.far.sdp = sdp("10.0.2.1", 4000, direction="inactive" if side == "callee" else "sendrecv")
    await call.up(body=held)
    hears = "10.0.2.1" if side == "caller" else CARRIER[0]
    (state,) = [state for state in call.board.media.states.values() if state is not None and state.player]
    assert state.remote_rtp == (hears, 4000)
    assert state.send
    await asyncio.sleep(5)
    record = await call.end()
    assert (record.hold_count, record.hold_ms > 4000) == (1, True)


@virtually
async def test_an_info_in_an_encoding_that_nobody_knows() -> None:
    call = RawCall()
    await call.up()
    rows = ("Content-Type: application/dtmf-relay", "Content-Encoding: gzip")
    await call.ask("INFO", 2, *rows, body=b"Signal=1")
    assert call.answer("INFO").status == 415
    await call.end()


@virtually
async def test_a_2xx_that_answers_nothing_leaves_the_next_offer_its_way() -> None:
    call = RawCall()
    await call.up()
    call.far.reinvite(call.incoming, sdp("10.0.2.1", 4000, (8, "PCMA/8000")))
    await asyncio.sleep(0.1)
    (asked,) = call.raw.requests("INVITE")
    call.raw.reply(asked, 200)
    await asyncio.sleep(1)
    assert call.raw.requests("ACK")
    await call.ask("UPDATE", 2, body=SDP)
    assert call.answer("UPDATE").status == 200
    await call.end()

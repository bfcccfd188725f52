"""Peers that write their SIP by hand: exchanges of descriptions at odd moments, refused, cancelled, out of turn."""

from __future__ import annotations

import asyncio

import pytest

from media.sdp import parse_sdp
from pbx.cdr import Cdr
from sip.commands import Respond, SendInDialog
from sip.events import AckReceived, InviteReceived, ReinviteReceived, ResponseReceived, UpdateReceived
from sip.message import Response
from tests.fakes.demo import demo_snapshot
from tests.fakes.raw_line import raw_peer
from tests.fakes.switchboard import Switchboard, sdp
from tests.fakes.virtual_loop import virtually

CARRIER = ("10.0.1.1", 5060)
SDP = sdp(CARRIER[0], 4000)


class Talk:
    """A carrier that writes by hand calls out through the server; `far` is the phone that rings there."""

    def __init__(self) -> None:
        self.board = Switchboard(demo_snapshot())
        self.raw = raw_peer(self.board, CARRIER)
        self.far = self.board.phone("load-out", "10.0.2.1")
        self.incoming = 0

    async def ask(
        self, method: str, cseq: int, *headers: str, body: bytes = b"", via: str | None = None, number: str = "9001"
    ) -> str:
        """Send a request, within the dialog once there is one."""
        tag = None if method == "INVITE" and cseq == 1 else self.answer().to_tag
        via = self.raw.ask(method, cseq, *headers, to_tag=tag, body=body, via=via, uri=f"sip:{number}@10.0.0.1")
        await asyncio.sleep(0.1)
        return via

    def answer(self, method: str = "INVITE") -> Response:
        return self.raw.last_answer(method)

    def statuses(self, cseq: int) -> list[int]:
        """Answers to the INVITE of a number."""
        heard = [one for one in self.raw.heard if isinstance(one, Response)]
        return [one.status for one in heard if one.cseq.method == "INVITE" and one.cseq.number == cseq]

    async def ring(self, *headers: str, body: bytes = SDP) -> str:
        via = await self.ask("INVITE", 1, *headers, body=body)
        self.incoming = (await self.far.expect(InviteReceived)).usage
        self.far.send(Respond(usage=self.incoming, status=180))
        await asyncio.sleep(0.1)
        return via

    async def early(self) -> int:
        """Sound before the answer; the number of our reliable response."""
        self.far.send(Respond(usage=self.incoming, status=183, body=self.far.sdp))
        await asyncio.sleep(0.1)
        rseq = self.answer().rseq
        assert rseq is not None, str(self.board)
        return rseq

    async def pick_up(self, *headers: tuple[str, str]) -> None:
        self.far.send(Respond(usage=self.incoming, status=200, body=self.far.sdp, headers=headers))
        await self.far.expect(AckReceived)
        await self.ask("ACK", 1)

    async def up(self, *headers: str, body: bytes = SDP) -> None:
        await self.ring(*headers, body=body)
        await self.pick_up()

    async def end(self, cseq: int = 99) -> Cdr:
        await self.ask("BYE", cseq)
        assert self.answer("BYE").status == 200
        (record,) = await self.board.settled()
        assert (record.result, record.reason) == ("answered", "normal"), str(self.board)
        return record


@virtually
async def test_an_empty_update_before_the_answer_refreshes_and_takes_nothing_back() -> None:
    talk = Talk()
    await talk.ring()
    await talk.ask("UPDATE", 2)
    assert talk.raw.answers("UPDATE") == [200]
    await talk.pick_up()
    assert talk.answer().status == 200
    await talk.end()


@virtually
async def test_a_refused_refresh_leaves_the_next_offer_its_way() -> None:
    talk = Talk()
    await talk.ring()
    await talk.pick_up(("session-expires", "90;refresher=uac"), ("require", "timer"))
    refresh = await talk.far.expect(UpdateReceived, 100)
    talk.far.send(Respond(tx=refresh.tx, status=500))
    await asyncio.sleep(0.1)
    talk.far.send(SendInDialog(usage=talk.incoming, method="UPDATE", body=sdp("10.0.2.1", 4100)))
    assert (await talk.far.expect(ResponseReceived)).response.status == 200
    await talk.end()


@virtually
async def test_a_second_invite_before_the_first_is_answered_is_refused() -> None:
    talk = Talk()
    await talk.ring("Supported: 100rel")
    await talk.ask("PRACK", 2, f"RAck: {await talk.early()} 1 INVITE")
    via = await talk.ask("INVITE", 3, body=SDP)
    assert talk.answer().headers.get("retry-after") == "3"
    await talk.ask("ACK", 3, via=via)
    assert talk.statuses(3) == [500]
    await talk.pick_up()
    await talk.end()


@virtually
async def test_a_callee_that_invites_before_it_answers_is_refused() -> None:
    talk = Talk()
    callee = raw_peer(talk.board, talk.far.address)
    await talk.ask("INVITE", 1, body=SDP)
    (invite,) = callee.requests("INVITE")
    callee.reply(invite, 183, "Require: 100rel", "RSeq: 1", body=sdp("10.0.2.1", 4000))
    await asyncio.sleep(0.1)
    (prack,) = callee.requests("PRACK")
    callee.reply(prack, 200)
    callee.call_id, callee.tag = invite.call_id, "raw"
    back = f"To: {invite.headers.get('from')}"
    rows = f"""INVITE sip:raw@10.0.0.1 SIP/2.0
        Via: SIP/2.0/UDP 10.0.2.1:5060;branch=z9hG4bKback
        From: {invite.headers.get("to")};tag=raw
        {back}
        Call-ID: {invite.call_id}
        CSeq: 7 INVITE
        Max-Forwards: 70
        Contact: <sip:far@10.0.2.1>
        Content-Type: application/sdp"""
    callee.send(rows, sdp("10.0.2.1", 4100))
    await asyncio.sleep(0.1)
    assert callee.answers("INVITE") == [491]
    callee.send(rows.replace("INVITE sip", "ACK sip").replace("7 INVITE", "7 ACK"))
    callee.reply(invite, 200)
    await asyncio.sleep(0.1)
    await talk.ask("ACK", 1)
    await talk.ask("BYE", 2)
    (bye,) = callee.requests("BYE")
    callee.reply(bye, 200)
    (record,) = await talk.board.settled()
    assert record.reason == "normal"


@pytest.mark.parametrize(
    ("need", "headers", "status"), [("Supported", ("Content-Encoding: gzip",), 415), ("Require", (), 500)]
)
@virtually
async def test_a_prack_whose_body_is_refused_still_lets_the_answer_go(
    need: str, headers: tuple[str, ...], status: int
) -> None:
    talk = Talk()
    await talk.ring(f"{need}: 100rel")
    rseq = talk.answer().rseq or await talk.early()
    talk.far.send(Respond(usage=talk.incoming, status=183, body=talk.far.sdp))
    await asyncio.sleep(0.1)
    if need == "Supported":
        talk.far.answer_usage(talk.incoming)
        await asyncio.sleep(0.1)
        assert 200 not in talk.statuses(1)
    await talk.ask("PRACK", 2, f"RAck: {rseq} 1 INVITE", *headers, body=SDP)
    assert talk.answer("PRACK").status == status
    if need == "Require":
        assert talk.answer().status == 183
        await talk.ask("PRACK", 3, f"RAck: {rseq + 1} 1 INVITE")
        assert talk.answer("PRACK").status == 200
        talk.far.answer_usage(talk.incoming)
        await asyncio.sleep(0.1)
    assert talk.answer().status == 200
    await talk.ask("ACK", 1)
    await talk.end()


@virtually
async def test_a_prack_that_the_answer_has_overtaken_is_answered_once() -> None:
    talk = Talk()
    await talk.ring("Require: 100rel")
    rseq = talk.answer().rseq
    await talk.pick_up()
    for cseq, status in ((2, 200), (3, 481)):
        await talk.ask("PRACK", cseq, f"RAck: {rseq} 1 INVITE")
        assert talk.answer("PRACK").status == status
    await talk.end()


@virtually
async def test_a_new_codec_that_is_cancelled_while_the_other_side_is_asked() -> None:
    talk = Talk()
    await talk.up()
    offer, reply = (sdp(host, 4000, (9, "G722/8000")) for host in ("10.0.1.1", "10.0.2.1"))
    via = await talk.ask("INVITE", 2, body=offer)
    asked = await talk.far.expect(ReinviteReceived)
    await talk.ask("CANCEL", 2, via=via)
    await talk.ask("ACK", 2, via=via)
    assert talk.statuses(2) == [100, 487]
    talk.far.send(Respond(tx=asked.tx, status=200, body=reply))
    back = await talk.far.expect(ReinviteReceived)
    talk.far.send(Respond(tx=back.tx, status=200, body=talk.far.sdp))
    await asyncio.sleep(1)
    states = [state for state in talk.board.media.states.values() if state is not None]
    assert all((0, 0) in state.payload_map and 0 in state.accept for state in states), states
    await talk.end()


@virtually
async def test_a_refresh_that_asks_for_no_timer_ends_the_timer() -> None:
    talk = Talk()
    await talk.up("Supported: timer", "Session-Expires: 90;refresher=uac")
    assert talk.answer().headers.get("session-expires") == "90;refresher=uac"
    await talk.ask("UPDATE", 2)
    assert talk.answer("UPDATE").headers.get("session-expires") is None
    await asyncio.sleep(300)
    assert not talk.raw.requests("BYE")
    await talk.end()


@virtually
async def test_the_sound_of_the_fork_that_answers_is_taken() -> None:
    talk = Talk()
    callee = raw_peer(talk.board, talk.far.address)
    await talk.ask("INVITE", 1, body=SDP)
    (invite,) = callee.requests("INVITE")
    for number, tag in ((1, "one"), (7, "two")):
        rows = ("Require: 100rel", f"RSeq: {number}")
        callee.reply(invite, 183, *rows, tag=tag, body=sdp(f"10.0.2.{number}0", 4000))
        await asyncio.sleep(0.1)
    for prack in callee.requests("PRACK"):
        callee.reply(prack, 200)
    callee.reply(invite, 200, tag="one")
    await asyncio.sleep(0.1)
    await talk.ask("ACK", 1)
    states = [state for state in talk.board.media.states.values() if state is not None]
    assert ("10.0.2.10", 4000) in [state.remote_rtp for state in states]
    await talk.ask("BYE", 2)
    (bye,) = callee.requests("BYE")
    callee.reply(bye, 200)
    await talk.board.settled()


@virtually
async def test_a_description_that_was_refused_is_not_offered_again() -> None:
    talk = Talk()
    await talk.up()
    await talk.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await talk.ask("ACK", 2)
    narrower = await talk.far.expect(ReinviteReceived)
    talk.far.send(Respond(tx=narrower.tx, status=488))
    await asyncio.sleep(1)
    talk.far.reinvite(talk.incoming, b"")
    reply = await talk.far.expect(ResponseReceived)
    while reply.response.status < 200:
        reply = await talk.far.expect(ResponseReceived)
    assert [form.name for form in parse_sdp(reply.response.body).media[0].formats][:2] == ["PCMU", "PCMA"]
    talk.far.ack(talk.incoming, talk.far.sdp)
    await talk.end()


@virtually
async def test_music_follows_the_codec_of_who_hears_it() -> None:
    talk = Talk()
    await talk.up(body=sdp(CARRIER[0], 4000, (0, "PCMU/8000"), (8, "PCMA/8000")))
    talk.far.reinvite(talk.incoming, sdp("10.0.2.1", 4000, direction="sendonly"))
    await asyncio.sleep(1)
    await talk.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await talk.ask("ACK", 2)
    (player,) = [state.player for state in talk.board.media.states.values() if state is not None and state.player]
    assert player.payload_type == 8
    asked = await talk.far.expect(ReinviteReceived)
    talk.far.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.2.1", 4000, (8, "PCMA/8000"), direction="sendonly")))
    await asyncio.sleep(1)
    assert player in [state.player for state in talk.board.media.states.values() if state is not None]
    await talk.end()


@virtually
async def test_an_echo_takes_another_codec() -> None:
    talk = Talk()
    await talk.ask("INVITE", 1, body=sdp(CARRIER[0], 4000, (0, "PCMU/8000")), number="9005")
    await talk.ask("ACK", 1)
    await talk.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await talk.ask("ACK", 2)
    assert talk.statuses(2) == [100, 200]
    (state,) = talk.board.media.states.values()
    assert state is not None
    assert (state.accept, state.payload_map) == ((8,), ((8, 8),))
    await talk.end()


@virtually
async def test_no_invite_of_ours_before_the_ack_of_theirs() -> None:
    talk = Talk()
    await talk.up()
    await talk.ask("INVITE", 2, body=sdp(CARRIER[0], 4400))
    talk.far.reinvite(talk.incoming, sdp("10.0.2.1", 4000, (9, "G722/8000")))
    await asyncio.sleep(0.2)
    assert not talk.raw.requests("INVITE")
    final = await talk.far.expect(ResponseReceived)
    while final.response.status < 200:
        final = await talk.far.expect(ResponseReceived)
    assert final.response.status == 491
    await talk.ask("ACK", 2)
    await talk.end()


@virtually
async def test_a_refresh_that_is_too_brief_is_made_again_with_the_interval_demanded() -> None:
    talk = Talk()
    await talk.ring()
    await talk.pick_up(("session-expires", "90;refresher=uac"), ("require", "timer"))
    refresh = await talk.far.expect(UpdateReceived, 100)
    talk.far.send(Respond(tx=refresh.tx, status=422, headers=(("min-se", "120"),)))
    refresh = await talk.far.expect(UpdateReceived, 30)
    assert refresh.request.headers.get("session-expires") == "120;refresher=uac"
    assert refresh.request.headers.get("min-se") == "120"
    talk.far.send(Respond(tx=refresh.tx, status=200, headers=(("session-expires", "120;refresher=uac"),)))
    await talk.far.expect(UpdateReceived, 65)
    await talk.end()


@virtually
async def test_an_offer_that_is_made_again_says_what_fits_by_then() -> None:
    talk = Talk()
    await talk.up()
    await talk.ask("INVITE", 2, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    await talk.ask("ACK", 2)
    asked = await talk.far.expect(ReinviteReceived)
    talk.far.send(Respond(tx=asked.tx, status=491))
    await asyncio.sleep(0.1)
    # Before it is made again the carrier goes back to what it had.
    await talk.ask("INVITE", 3, body=sdp(CARRIER[0], 4000, (0, "PCMU/8000")))
    asked = await talk.far.expect(ReinviteReceived)
    talk.far.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.2.1", 4000, (0, "PCMU/8000"))))
    await asyncio.sleep(0.1)
    await talk.ask("ACK", 3)
    await asyncio.sleep(10)
    assert not [event for event in talk.far.events if isinstance(event, ReinviteReceived)]
    assert {state.accept for state in talk.board.media.states.values() if state is not None} == {(0,)}
    await talk.end()


@virtually
async def test_a_storm_of_491_makes_few_offers() -> None:
    talk = Talk()
    await talk.up()
    offers = 0
    for cseq in range(2, 32):
        await talk.ask("INVITE", cseq, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
        await talk.ask("ACK", cseq)
        for event in talk.far.events:
            if isinstance(event, ReinviteReceived):
                talk.far.send(Respond(tx=event.tx, status=491))
        talk.far.events.clear()
    for _ in range(200):
        await asyncio.sleep(0.1)
        for event in talk.far.events:
            if isinstance(event, ReinviteReceived):
                offers += 1
                talk.far.send(Respond(tx=event.tx, status=491))
        talk.far.events.clear()
    assert offers <= 4
    await talk.end()


@pytest.mark.parametrize("side", ["caller", "callee"])
@virtually
async def test_a_call_that_begins_on_hold(side: str) -> None:
    talk = Talk()
    held = SDP.replace(b"c=IN IP4 10.0.1.1", b"c=IN IP4 0.0.0.0") if side == "caller" else SDP
    talk.far.sdp = sdp("10.0.2.1", 4000, direction="inactive" if side == "callee" else "sendrecv")
    await talk.up(body=held)
    hears = "10.0.2.1" if side == "caller" else CARRIER[0]
    (state,) = [state for state in talk.board.media.states.values() if state is not None and state.player]
    assert state.remote_rtp == (hears, 4000)
    assert state.send
    await asyncio.sleep(5)
    record = await talk.end()
    assert (record.hold_count, record.hold_ms > 4000) == (1, True)


@virtually
async def test_an_info_in_an_encoding_that_nobody_knows() -> None:
    talk = Talk()
    await talk.up()
    rows = ("Content-Type: application/dtmf-relay", "Content-Encoding: gzip")
    await talk.ask("INFO", 2, *rows, body=b"Signal=1")
    assert talk.answer("INFO").status == 415
    await talk.end()


@virtually
async def test_a_caller_that_narrows_its_codecs_before_the_answer() -> None:
    talk = Talk()
    await talk.ring("Supported: 100rel")
    await talk.ask("PRACK", 2, f"RAck: {await talk.early()} 1 INVITE")
    await talk.ask("UPDATE", 3, body=sdp(CARRIER[0], 4000, (8, "PCMA/8000")))
    assert talk.answer("UPDATE").status == 200
    await talk.pick_up()
    asked = await talk.far.expect(ReinviteReceived)
    talk.far.send(Respond(tx=asked.tx, status=200, body=sdp("10.0.2.1", 4000, (8, "PCMA/8000"))))
    await asyncio.sleep(1)
    states = [state for state in talk.board.media.states.values() if state is not None]
    assert [(state.accept, state.payload_map) for state in states] == [((8,), ((8, 8),))] * 2
    await talk.end()


@pytest.mark.parametrize(("ends", "result"), [("CANCEL", "abandoned"), ("BYE", "abandoned"), ("", "failed")])
@virtually
async def test_a_caller_that_never_got_the_answer_was_not_answered(ends: str, result: str) -> None:
    talk = Talk()
    via = await talk.ring("Supported: 100rel")
    await talk.early()
    talk.far.send(Respond(usage=talk.incoming, status=200, body=talk.far.sdp))
    await talk.far.expect(AckReceived)
    await asyncio.sleep(1)
    if ends:
        await talk.ask(ends, 1 if ends == "CANCEL" else 2, via=via if ends == "CANCEL" else None)
    else:
        await asyncio.sleep(70)
    assert 200 not in talk.statuses(1)
    await talk.ask("ACK", 1, via=via)
    (record,) = await talk.board.settled()
    assert (record.result, record.answer_at_ms, record.talk_ms) == (result, None, 0), record


@virtually
async def test_a_call_is_answered_when_the_answer_goes_out() -> None:
    talk = Talk()
    await talk.ring("Supported: 100rel")
    rseq = await talk.early()
    talk.far.send(Respond(usage=talk.incoming, status=200, body=talk.far.sdp))
    await asyncio.sleep(3)
    await talk.ask("PRACK", 2, f"RAck: {rseq} 1 INVITE")
    await talk.ask("ACK", 1)
    await asyncio.sleep(1)
    record = await talk.end()
    assert 1000 <= record.talk_ms < 2000, record

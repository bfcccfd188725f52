"""Offers within a dialog (RFC 3261 §14, RFC 3311): glare, late offers, refusals."""

from __future__ import annotations

import pytest

from sip.commands import Ack, Bye, Respond, SendInDialog
from sip.errors import LocalError
from sip.events import (
    AckReceived,
    ByeReceived,
    DialogRequest,
    InviteAnswered,
    InviteReceived,
    ReinviteReceived,
    RequestFailed,
    ResponseReceived,
    UpdateReceived,
)
from sip.offer_answer import Role
from tests.fakes.pair import SDP, Pair
from tests.fakes.raw_peer import RawPeer


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_offer_within_the_dialog(method: str) -> None:
    pair = Pair()
    ann, _ = pair.up()
    pair.ann.stack.send(SendInDialog(usage=ann, method=method, body=SDP), pair.wire.now)
    pair.run()
    event = pair.ben.events.pop(0)
    assert isinstance(event, ReinviteReceived | UpdateReceived)
    assert event.sdp is Role.OFFER
    pair.ben.stack.send(Respond(tx=event.tx, status=200, body=SDP), pair.wire.now)
    pair.run()
    assert pair.final(pair.ann).sdp is Role.ANSWER
    if method == "INVITE":
        pair.expect(pair.ben, AckReceived)
    pair.end(ann)


def test_a_refused_offer_leaves_all_as_it_was() -> None:
    pair = Pair()
    ann, ben = pair.up()
    for status in (488, 491, 488):
        pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE", body=SDP), pair.wire.now)
        pair.run()
        event = pair.expect(pair.ben, ReinviteReceived)
        pair.ben.stack.send(Respond(tx=event.tx, status=status), pair.wire.now)
        pair.run()
        assert pair.final(pair.ann).response.status == status
    pair.ben.stack.send(SendInDialog(usage=ben, method="INVITE", body=SDP), pair.wire.now)
    pair.run()
    back = pair.expect(pair.ann, ReinviteReceived)
    pair.ann.stack.send(Respond(tx=back.tx, status=200, body=SDP), pair.wire.now)
    pair.run()
    assert pair.final(pair.ben).sdp is Role.ANSWER
    pair.expect(pair.ann, AckReceived)
    pair.end(ann)


def test_offers_that_cross_are_both_refused_with_491() -> None:
    pair = Pair()
    ann, ben = pair.up()
    for station, usage in ((pair.ann, ann), (pair.ben, ben)):
        station.stack.send(SendInDialog(usage=usage, method="INVITE", body=SDP), pair.wire.now)
    pair.run()
    for station in (pair.ann, pair.ben):
        assert pair.final(station).response.status == 491
    pair.end(ann)


def test_an_offer_before_the_last_one_is_answered_is_refused_with_500() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, body=SDP)
    first = pair.expect(pair.ann, InviteReceived)
    tag = "x"
    pair.ann.stack.send(Respond(usage=first.usage, status=180), pair.wire.now)
    pair.run()
    tag = peer.last_answer("INVITE").to_tag or ""
    for cseq, method in ((2, "INVITE"), (3, "UPDATE")):
        peer.ask(method, cseq, to_tag=tag, body=SDP)
        refused = peer.last_answer(method)
        assert (refused.status, refused.headers.get("retry-after")) == (500, "3")
    pair.ann.stack.send(Respond(usage=first.usage, status=486), pair.wire.now)
    pair.run()
    peer.ask("ACK", 1, to_tag=tag, via="SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bKraw1")
    pair.settled()


def test_an_own_offer_while_one_is_out_is_a_fault_of_ours() -> None:
    pair = Pair()
    ann, _ = pair.up()
    pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE", body=SDP), pair.wire.now)
    with pytest.raises(LocalError, match="still unanswered"):
        pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE", body=SDP), pair.wire.now)
    pair.run()
    tx = pair.expect(pair.ben, ReinviteReceived).tx
    pair.ben.stack.send(Respond(tx=tx, status=200, body=SDP), pair.wire.now)
    pair.run()
    pair.final(pair.ann)
    pair.expect(pair.ben, AckReceived)
    pair.end(ann)


@pytest.mark.parametrize("again", [False, True])
def test_an_invite_without_an_offer_gets_one_and_answers_in_the_ack(*, again: bool) -> None:
    pair = Pair()
    ann = pair.invite(b"")
    pair.run()
    received = pair.expect(pair.ben, InviteReceived)
    assert received.sdp is None
    pair.answer(received.usage)
    pair.run()
    assert pair.expect(pair.ann, InviteAnswered).sdp is Role.OFFER
    assert pair.count("ACK", pair.ann) == 0
    if again:
        pair.run(1.0)  # The 2xx comes again before the user has made up its mind.
        assert pair.count("ACK", pair.ann) == 0
        assert pair.ann.events == []
    pair.ann.stack.send(Ack(usage=ann, body=b"answer"), pair.wire.now)
    pair.run()
    ack = pair.expect(pair.ben, AckReceived)
    assert (ack.body, ack.sdp) == (b"answer", Role.ANSWER)
    pair.end(ann)


def test_a_reinvite_without_an_offer() -> None:
    pair = Pair()
    ann, _ = pair.up()
    pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE"), pair.wire.now)
    pair.run()
    event = pair.expect(pair.ben, ReinviteReceived)
    assert event.sdp is None
    pair.ben.stack.send(Respond(tx=event.tx, status=200, body=SDP), pair.wire.now)
    pair.run(1.0)
    assert pair.final(pair.ann).sdp is Role.OFFER
    pair.ann.stack.send(SendInDialog(usage=ann, method="INFO"), pair.wire.now)
    pair.ann.stack.send(Ack(usage=ann, body=SDP), pair.wire.now)
    pair.run()
    assert pair.last("ACK", pair.ann).cseq.number == 2
    assert pair.last("INFO", pair.ann).cseq.number == 3
    kinds = [pair.ben.events.pop(0), pair.ben.events.pop(0)]
    assert {type(one) for one in kinds} == {AckReceived, DialogRequest}
    info = next(one for one in kinds if isinstance(one, DialogRequest))
    pair.ben.stack.send(Respond(tx=info.tx, status=200), pair.wire.now)
    pair.run()
    pair.ann.events.clear()
    pair.end(ann)


def test_an_offer_that_suits_nobody_is_acknowledged_and_ended() -> None:
    pair = Pair()
    ann = pair.invite(b"")
    pair.run()
    pair.answer(pair.expect(pair.ben, InviteReceived).usage)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.run()
    assert pair.expect(pair.ben, AckReceived).sdp is None
    pair.expect(pair.ben, ByeReceived)
    pair.settled()


def test_a_reinvite_that_overtakes_the_ack() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.lose(b"ACK", 1)
    pair.answer(ben)
    pair.run(0.05)
    pair.expect(pair.ann, InviteAnswered)
    pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE", body=SDP), pair.wire.now)
    pair.run(0.05)
    event = pair.expect(pair.ben, ReinviteReceived)
    pair.ben.stack.send(Respond(tx=event.tx, status=200, body=SDP), pair.wire.now)
    pair.run(5)
    pair.final(pair.ann)
    pair.expect(pair.ben, AckReceived)
    assert pair.count("SIP/2.0 200", pair.ben) == 2, str(pair.wire)
    pair.end(ann)


def test_a_reinvite_whose_answer_is_lost_with_the_dialog_is_given_up() -> None:
    pair = Pair()
    ann, _ = pair.up()
    pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE", body=SDP), pair.wire.now)
    pair.run()
    event = pair.expect(pair.ben, ReinviteReceived)
    pair.lose(b"SIP/2.0 200", 1)
    pair.ben.stack.send(Respond(tx=event.tx, status=200, body=SDP), pair.wire.now)
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.run(40)
    pair.expect(pair.ben, ByeReceived)
    assert pair.expect(pair.ann, ResponseReceived).response.status == 100
    assert pair.expect(pair.ann, RequestFailed).status == 408
    pair.settled()

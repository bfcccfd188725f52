"""Cancelling (RFC 3261 §9), and what crosses a CANCEL."""

from __future__ import annotations

from sip.commands import Cancel, Respond
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteCancelled,
    InviteReceived,
)
from tests.fakes.pair import SDP, Pair
from tests.fakes.raw_peer import RawPeer


def test_cancel() -> None:
    pair = Pair()
    ann, _ = pair.ring()
    pair.ann.stack.send(Cancel(usage=ann, headers=(("reason", "SIP;cause=200"),)), pair.wire.now)
    pair.run()
    cancelled = pair.expect(pair.ben, InviteCancelled)
    assert cancelled.request.headers.get("reason") == "SIP;cause=200"
    invite, cancel = pair.last("INVITE", pair.ann), pair.last("CANCEL", pair.ann)
    assert cancel.top_via.branch == invite.top_via.branch
    assert cancel.cseq.number == invite.cseq.number
    refused = pair.last("SIP/2.0 487", pair.ben)
    assert refused.to_tag == pair.last("SIP/2.0 180", pair.ben).to_tag
    pair.settled()


def test_cancel_before_any_answer_waits_for_one() -> None:
    pair = Pair()
    pair.lose(b"SIP/2.0 100")
    ann = pair.invite()
    pair.run(0.2)
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.run(0.2)
    assert pair.count("CANCEL", pair.ann) == 0
    ben = pair.expect(pair.ben, InviteReceived).usage
    pair.ben.stack.send(Respond(usage=ben, status=180), pair.wire.now)
    pair.run()
    assert pair.count("CANCEL", pair.ann) == 1
    pair.expect(pair.ben, InviteCancelled)
    pair.settled()


def test_cancel_without_any_answer_ends_with_the_invite() -> None:
    pair = Pair()
    pair.lose(b"INVITE")
    ann = pair.invite()
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.run(40)
    assert pair.count("CANCEL", pair.ann) == 0
    pair.settled()


def test_a_cancelled_invite_waits_64_t1_and_no_longer() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.lose(b"SIP/2.0 487")
    at = pair.wire.now
    pair.ann.stack.send(Cancel(usage=ann), at)
    pair.run(31.9)
    assert pair.ann.stack.census()["usages"] == 1
    pair.run(0.2)
    assert pair.ann.stack.census()["usages"] == 0
    pair.expect(pair.ben, InviteCancelled)
    pair.settled()
    assert ben


def test_a_cancel_that_crosses_the_answer_becomes_ack_and_bye() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.answer(ben)
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.run()
    pair.expect(pair.ben, AckReceived)
    pair.expect(pair.ben, ByeReceived)
    assert pair.last("SIP/2.0 200", pair.ben).cseq.method == "BYE"
    pair.settled()


def test_a_cancel_after_an_answer_that_the_user_has_not_read_becomes_bye() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.answer(ben)
    pair.run()
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ben, AckReceived)
    pair.expect(pair.ben, ByeReceived)
    pair.settled()


def test_an_answer_after_the_cancel_came_is_not_sent() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.run()
    assert pair.ben.stack.send(Respond(usage=ben, status=200, body=SDP), pair.wire.now) == 0
    pair.run()
    pair.expect(pair.ben, InviteCancelled)
    assert pair.count("SIP/2.0 200", pair.ben) == 1
    pair.settled()


def test_cancel_of_nothing() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("CANCEL", 1)
    assert peer.answers("CANCEL") == [481]
    pair.settled()


def test_cancel_while_the_name_is_looked_up() -> None:
    pair = Pair()
    ann = pair.invite()
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.run()
    assert pair.wire.ladder == []
    pair.settled()

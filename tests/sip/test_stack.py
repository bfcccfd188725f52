"""Two stacks on a wire in virtual time: whole calls, how they end, requests outside them."""

from __future__ import annotations

import pytest

from sip.commands import Ack, Bye, Cancel, Respond, SendInDialog, SendRequest
from sip.core import StackSettings
from sip.errors import LocalError
from sip.events import (
    AckMissing,
    AckReceived,
    ByeReceived,
    DialogRequest,
    InviteAnswered,
    InviteFailed,
    InviteProgress,
    InviteReceived,
    ReinviteReceived,
    RequestFailed,
    RequestReceived,
    UpdateReceived,
)
from sip.flow import Target
from sip.offer_answer import Role
from tests.fakes.pair import SDP, Pair

# -- a call from end to end


def test_a_call() -> None:
    pair = Pair()
    ann = pair.invite()
    pair.run()
    received = pair.expect(pair.ben, InviteReceived)
    assert received.sdp is Role.OFFER
    pair.ben.stack.send(Respond(usage=received.usage, status=180), pair.wire.now)
    pair.run()
    assert pair.expect(pair.ann, InviteProgress).sdp is None
    pair.answer(received.usage)
    pair.run()
    assert pair.expect(pair.ann, InviteAnswered).sdp is Role.ANSWER
    assert pair.expect(pair.ben, AckReceived).sdp is None
    pair.end(ann)
    told = [line.split("  ")[-1].split(" SIP/2.0")[0] for line in pair.wire.ladder]
    assert [one.removeprefix("SIP/2.0 ").split(" ")[0] for one in told] == [
        "INVITE",
        "100",
        "180",
        "200",
        "ACK",
        "BYE",
        "200",
    ], str(pair.wire)


def test_early_media_previews_the_answer() -> None:
    pair = Pair()
    ann = pair.invite()
    pair.run()
    ben = pair.expect(pair.ben, InviteReceived).usage
    pair.ben.stack.send(Respond(usage=ben, status=183, body=SDP), pair.wire.now)
    pair.run()
    assert pair.expect(pair.ann, InviteProgress).sdp is Role.PREVIEW
    pair.answer(ben)
    pair.run()
    assert pair.expect(pair.ann, InviteAnswered).sdp is Role.ANSWER
    pair.expect(pair.ben, AckReceived)
    pair.end(ann)


@pytest.mark.parametrize("status", [300, 404, 486, 503, 603])
def test_a_refused_call(status: int) -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.ben.stack.send(Respond(usage=ben, status=status), pair.wire.now)
    pair.run()
    failed = pair.expect(pair.ann, InviteFailed)
    assert (failed.usage, failed.status) == (ann, status)
    pair.settled()


def test_nobody_there() -> None:
    pair = Pair()
    pair.lose(b"INVITE")
    pair.invite()
    pair.run(32.5)
    assert pair.expect(pair.ann, InviteFailed).status == 408
    pair.settled()


def test_a_transport_error_fails_the_call_at_once() -> None:
    pair = Pair()
    pair.lose(b"INVITE")
    pair.invite()
    pair.run()
    pair.ann.stack.flow_failed(("10.0.0.2", 5060), pair.wire.now)
    pair.run()
    assert pair.expect(pair.ann, InviteFailed).status == 503
    pair.settled()


def test_a_transport_error_does_not_end_a_call_that_rings_or_is_up() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.ann.stack.flow_failed(("10.0.0.2", 5060), pair.wire.now)
    pair.answer(ben)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ben, AckReceived)
    pair.ann.stack.flow_failed(("10.0.0.2", 5060), pair.wire.now)
    pair.end(ann)


# -- 2xx and ACK (§13.3.1.4, §15)


def test_a_2xx_is_repeated_until_its_ack_comes() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.lose(b"ACK", 3)
    at = round(pair.wire.now, 3)
    pair.answer(ben)
    pair.run(10)
    assert [round(one - at, 3) for one in pair.times("SIP/2.0 200", pair.ben)] == [0.0, 0.5, 1.5, 3.5], str(pair.wire)
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ben, AckReceived)
    pair.end(ann)


def test_a_2xx_without_ack_is_told_after_64_t1() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.lose(b"ACK")
    at = round(pair.wire.now, 3)
    pair.answer(ben)
    pair.run(31.99)
    pair.expect(pair.ann, InviteAnswered)
    assert pair.ben.events == []
    again = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [round(one - at, 3) for one in pair.times("SIP/2.0 200", pair.ben)] == again
    pair.run(0.1)
    assert pair.expect(pair.ben, AckMissing).usage == ben
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    pair.run()
    assert pair.expect(pair.ann, ByeReceived).usage == ann
    pair.settled()


def test_a_bye_of_the_callee_waits_for_the_ack() -> None:
    pair = Pair()
    _, ben = pair.ring()
    pair.lose(b"ACK", 1)
    pair.answer(ben)
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    pair.run(0.4)
    assert pair.count("BYE", pair.ben) == 0
    pair.run(0.5)
    assert pair.count("BYE", pair.ben) == 1
    pair.expect(pair.ben, AckReceived)
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ann, ByeReceived)
    pair.settled()


def test_a_bye_that_waits_for_an_ack_goes_out_without_it_in_the_end() -> None:
    pair = Pair()
    _, ben = pair.ring()
    pair.lose(b"ACK")
    pair.answer(ben)
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    pair.run(33)
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ann, ByeReceived)
    pair.settled()


def test_what_the_caller_asks_of_a_call_that_waits_for_its_end_is_refused() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.lose(b"ACK")
    pair.answer(ben)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    pair.ann.stack.send(SendInDialog(usage=ann, method="UPDATE", body=SDP), pair.wire.now)
    pair.run()
    assert pair.final(pair.ann).response.status == 481
    pair.ann.events.clear()
    pair.settled()


def test_a_bye_of_the_caller_overtakes_its_ack() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    pair.lose(b"ACK", 1)
    pair.answer(ben)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.run()
    pair.expect(pair.ben, ByeReceived)
    pair.run(5)
    assert pair.count("SIP/2.0 200", pair.ben) == 2, str(pair.wire)
    pair.settled()


# -- ending


def test_byes_that_cross() -> None:
    pair = Pair()
    ann, ben = pair.up()
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    pair.run()
    assert pair.last("SIP/2.0 200", pair.ann).cseq.method == "BYE"
    assert pair.last("SIP/2.0 200", pair.ben).cseq.method == "BYE"
    pair.settled()


def test_a_bye_twice_is_one_bye() -> None:
    pair = Pair()
    ann, _ = pair.up()
    for _ in range(2):
        pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.run()
    assert pair.count("BYE", pair.ann) == 1
    pair.expect(pair.ben, ByeReceived)
    pair.settled()


def test_a_bye_that_nobody_answers() -> None:
    pair = Pair()
    ann, _ = pair.up()
    pair.lose(b"BYE")
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.run(40)
    assert pair.ann.stack.census()["usages"] == 0
    assert pair.count("BYE", pair.ann) == 11


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO"])
def test_a_bye_answers_what_is_still_open(method: str) -> None:
    """RFC 3261 §15.1.2: 487."""
    pair = Pair()
    ann, _ = pair.up()
    body = b"" if method == "INFO" else SDP
    pair.ann.stack.send(SendInDialog(usage=ann, method=method, body=body), pair.wire.now)
    pair.run()
    assert pair.ben.events
    pair.ben.events.clear()
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.run()
    assert pair.final(pair.ann).response.status == 487
    pair.expect(pair.ben, ByeReceived)
    pair.settled()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO"])
def test_our_own_bye_answers_what_is_still_open(method: str) -> None:
    pair = Pair()
    ann, ben = pair.up()
    pair.ann.stack.send(SendInDialog(usage=ann, method=method, body=b"" if method == "INFO" else SDP), pair.wire.now)
    pair.run()
    event = pair.ben.events.pop()
    assert isinstance(event, ReinviteReceived | UpdateReceived | DialogRequest)
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    assert pair.ben.stack.send(Respond(tx=event.tx, status=200), pair.wire.now) == 0
    pair.run()
    assert pair.final(pair.ann).response.status == 487
    pair.expect(pair.ann, ByeReceived)
    pair.settled()


# -- requests outside dialogs


def test_a_request_outside_dialogs() -> None:
    pair = Pair()
    tx = pair.ann.stack.send(
        SendRequest(
            target=Target("10.0.0.2"), method="OPTIONS", uri="sip:10.0.0.2", from_="<sip:ann@a>", to="<sip:10.0.0.2>"
        ),
        pair.wire.now,
    )
    pair.run()
    request = pair.expect(pair.ben, RequestReceived)
    pair.ben.stack.send(Respond(tx=request.tx, status=405), pair.wire.now)
    pair.run()
    answer = pair.final(pair.ann)
    assert (answer.tx, answer.response.status) == (tx, 405)
    assert "INVITE" in answer.response.allow
    pair.settled()


def test_a_request_to_a_name_without_an_address() -> None:
    pair = Pair()
    tx = pair.ann.stack.send(
        SendRequest(
            target=Target("x.invalid"), method="OPTIONS", uri="sip:x.invalid", from_="<sip:a@a>", to="<sip:b@b>"
        ),
        pair.wire.now,
    )
    pair.run()
    failed = pair.expect(pair.ann, RequestFailed)
    assert (failed.tx, failed.status) == (tx, 503)
    pair.settled()


def test_commands_that_do_not_fit() -> None:
    pair = Pair()
    ann, ben = pair.ring()
    with pytest.raises(LocalError, match="not answered"):
        pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    with pytest.raises(LocalError, match="no INVITE to answer"):
        pair.ann.stack.send(Respond(usage=ann, status=200), pair.wire.now)
    with pytest.raises(LocalError, match="the far end's call"):
        pair.ben.stack.send(Cancel(usage=ben), pair.wire.now)
    with pytest.raises(LocalError, match="usage or a transaction"):
        pair.ann.stack.send(Respond(status=200), pair.wire.now)
    pair.answer(ben)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ben, AckReceived)
    with pytest.raises(LocalError, match="no INVITE to answer"):
        pair.ben.stack.send(Respond(usage=ben, status=200), pair.wire.now)
    with pytest.raises(LocalError, match="no 2xx with an offer"):
        pair.ann.stack.send(Ack(usage=ann, body=SDP), pair.wire.now)
    pair.end(ann)
    # What is over is left alone.
    pair.ann.stack.send(Bye(usage=ann), pair.wire.now)
    pair.ann.stack.send(Cancel(usage=ann), pair.wire.now)
    pair.ann.stack.send(Ack(usage=ann, body=SDP), pair.wire.now)
    assert pair.ben.stack.send(Respond(usage=ben, status=200), pair.wire.now) == 0
    tx = pair.ann.stack.send(SendInDialog(usage=ann, method="INFO"), pair.wire.now)
    pair.run()
    failed = pair.expect(pair.ann, RequestFailed)
    assert (failed.tx, failed.status) == (tx, 481)
    pair.settled()


def test_the_public_host_stands_in_via_and_contact() -> None:
    pair = Pair(StackSettings(public_host="203.0.113.9", product="Test"))
    pair.lose(b"ACK")
    _, ben = pair.ring()
    pair.answer(ben)
    pair.ben.stack.send(Bye(usage=ben), pair.wire.now)
    pair.run(40)
    assert "203.0.113.9:5060" in (pair.last("SIP/2.0 200", pair.ben).headers.get("contact") or "")
    bye = pair.last("BYE", pair.ben)
    assert (bye.top_via.host, bye.top_via.port, bye.headers.get("user-agent")) == ("203.0.113.9", 5060, "Test")
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ann, ByeReceived)
    pair.settled()

"""Two stacks on a wire in virtual time: whole calls, their races, offers and answers."""

from __future__ import annotations

from typing import TypeVar

import pytest

from sip.commands import Ack, Bye, Cancel, Respond, SendInDialog, SendInvite, SendRequest
from sip.core import StackSettings
from sip.errors import LocalError
from sip.events import (
    AckMissing,
    AckReceived,
    ByeReceived,
    DialogRequest,
    Event,
    InviteAnswered,
    InviteCancelled,
    InviteFailed,
    InviteProgress,
    InviteReceived,
    ReinviteReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    UpdateReceived,
)
from sip.flow import Target
from sip.message import Request, Response
from sip.offer_answer import Role
from sip.parser import parse_message
from tests.fakes.raw_peer import RawPeer
from tests.fakes.wire import Station, Wire

E = TypeVar("E", bound=Event)
SDP = b"v=0\r\n"
DELAY_S = 0.01


class Pair:
    """Ann (10.0.0.1) and Ben (10.0.0.2)."""

    def __init__(self, settings: StackSettings | None = None) -> None:
        self.wire = Wire(delay_s=DELAY_S)
        self.ann = self.wire.station("ann", ("10.0.0.1", 5060))
        self.ben = self.wire.station("ben", ("10.0.0.2", 5060), settings)

    def run(self, seconds: float = 0.1) -> None:
        self.wire.run(self.wire.now + seconds)

    def lose(self, start: bytes, times: int = 1000) -> None:
        """Lose the next datagrams that begin like this."""
        left = [times]

        def loss(sender: str, data: bytes, number: int) -> bool:
            if left[0] and data.startswith(start):
                left[0] -= 1
                return True
            return False

        self.wire.loss = loss

    def invite(self, body: bytes = SDP) -> int:
        """Ann calls Ben."""
        return self.ann.stack.send(
            SendInvite(
                target=Target("10.0.0.2"),
                uri="sip:ben@10.0.0.2",
                from_="<sip:ann@10.0.0.1>",
                to="<sip:ben@10.0.0.2>",
                contact_user="ann",
                body=body,
            ),
            self.wire.now,
        )

    def ring(self) -> tuple[int, int]:
        """A call that rings: the usages of Ann and of Ben."""
        ann = self.invite()
        self.run()
        ben = self.expect(self.ben, InviteReceived).usage
        self.ben.stack.send(Respond(usage=ben, status=180), self.wire.now)
        self.run()
        self.expect(self.ann, InviteProgress)
        return ann, ben

    def up(self) -> tuple[int, int]:
        """A call that is up."""
        ann, ben = self.ring()
        self.answer(ben)
        self.run()
        self.expect(self.ann, InviteAnswered)
        self.expect(self.ben, AckReceived)
        return ann, ben

    def answer(self, usage: int, body: bytes = SDP) -> None:
        self.ben.stack.send(Respond(usage=usage, status=200, body=body), self.wire.now)

    def expect(self, station: Station, kind: type[E]) -> E:
        return station.take(kind)

    def final(self, station: Station) -> ResponseReceived:
        """The final answer to a request of the station's."""
        while True:
            event = station.take(ResponseReceived)
            if event.response.status >= 200:
                return event

    def count(self, start: str, sender: Station) -> int:
        """How many messages of a station begin like this."""
        return sum(1 for _, way, data in sender.seen if way == "out" and data.startswith(start.encode()))

    def times(self, start: str, sender: Station) -> list[float]:
        return [round(at, 3) for at, way, data in sender.seen if way == "out" and data.startswith(start.encode())]

    def last(self, start: str, sender: Station) -> Request | Response:
        found = [data for _, way, data in sender.seen if way == "out" and data.startswith(start.encode())]
        assert found, f"no {start}\n{self.wire}"
        return parse_message(found[-1])

    def settled(self) -> None:
        """Nothing is left on either side, and nobody was told anything that the test did not take."""
        self.wire.run(self.wire.now + 200)
        for station in (self.ann, self.ben):
            assert set(station.stack.census().values()) == {0}, f"{station.name} {station.stack.census()}\n{self.wire}"
            assert not station.events, f"{station.name}: {station.events}\n{self.wire}"

    def end(self, usage: int) -> None:
        self.ann.stack.send(Bye(usage=usage), self.wire.now)
        self.run()
        self.expect(self.ben, ByeReceived)
        self.settled()


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


# -- cancelling (RFC 3261 §9)


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


# -- offers within the dialog (§14, RFC 3311)


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


# -- what the server side refuses (§8.2)


def test_an_extension_that_is_required_and_unknown() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, "Require: 100rel, foo", body=SDP)
    refused = peer.last_answer("INVITE")
    assert (refused.status, refused.unsupported) == (420, ("100rel", "foo"))
    pair.settled()


def test_an_extension_that_is_required_and_known() -> None:
    pair = Pair(StackSettings(supported=("timer",)))
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ben.address)
    peer.ask("OPTIONS", 1, "Require: Timer")
    request = pair.expect(pair.ben, RequestReceived)
    pair.ben.stack.send(Respond(tx=request.tx, status=200), pair.wire.now)
    pair.run()
    assert peer.answers("OPTIONS") == [200]
    pair.settled()


def test_a_request_that_comes_by_two_paths_is_merged() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, body=SDP)
    peer.ask("INVITE", 1, body=SDP)
    assert peer.answers("INVITE") == [100, 482]
    event = pair.expect(pair.ann, InviteReceived)
    assert pair.ann.events == []
    pair.ann.stack.send(Respond(usage=event.usage, status=486), pair.wire.now)
    pair.settled()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Content-Type: text/plain",), 415),
        (("Content-Type: application/sdp", "Content-Encoding: gzip"), 415),
        (("Content-Type: multipart/mixed",), 415),
    ],
)
def test_bodies_that_cannot_be_read(headers: tuple[str, ...], status: int) -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, *headers, body=SDP)
    refused = peer.last_answer("INVITE")
    assert (refused.status, refused.headers.get("accept")) == (status, "application/sdp")
    pair.settled()


def test_an_invite_without_contact() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.send(
        """INVITE sip:ann@10.0.0.1 SIP/2.0
        Via: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bKa
        From: <sip:raw@10.0.0.3>;tag=raw
        To: <sip:ann@10.0.0.1>
        Call-ID: rawcall
        CSeq: 1 INVITE"""
    )
    refused = peer.last_answer("INVITE")
    assert refused.status == 400
    assert "Contact" in (refused.headers.get("warning") or "")
    pair.settled()


def test_malformed_messages_are_counted_and_answered_where_they_can_be() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    for junk in (b"\r\n\r\n", b"\0\0\0\0", b"   "):
        pair.wire.inject(junk, peer.address, pair.ann.address)
    pair.run()
    assert (pair.ann.stack.malformed, peer.heard) == (0, [])
    for junk in (b"hello", b"\xff" * 100, b"SIP/2.0 200 OK\r\n\r\n", b"INVITE sip:a SIP/2.0\r\n\r\n"):
        pair.wire.inject(junk, peer.address, pair.ann.address)
    pair.run()
    assert (pair.ann.stack.malformed, peer.heard) == (4, [])
    peer.ask("INVITE", 1, "Record-Route: <<<", body=SDP)
    assert peer.answers("INVITE") == [400]
    assert pair.ann.stack.malformed == 5
    pair.settled()


def test_a_response_to_nothing_is_a_stray() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.send(
        """SIP/2.0 200 OK
        Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnone
        From: <sip:ann@10.0.0.1>;tag=a
        To: <sip:raw@10.0.0.3>;tag=raw
        Call-ID: rawcall
        CSeq: 1 INVITE"""
    )
    assert pair.ann.stack.strays == 1
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

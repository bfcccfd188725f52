"""Dialogs against a peer that writes by hand: routes, targets, sequence."""

from __future__ import annotations

import pytest

from sip.commands import Respond
from sip.events import (
    AckReceived,
    ByeReceived,
    DialogLost,
    DialogRequest,
    InviteAnswered,
    InviteProgress,
    ReinviteReceived,
    RequestFailed,
    ResponseReceived,
    UpdateReceived,
)
from tests.fakes.line import SDP, Line

# -- routes (RFC 3261 §12.1, §12.2.1.1)


def test_loose_routes_of_the_caller_are_reversed() -> None:
    line = Line()
    proxy = line.another("10.0.0.8")
    usage = line.call_out(
        "Record-Route: <sip:10.0.0.8;lr>, <sip:10.0.0.7;lr>",
        "Record-Route: <sip:10.0.0.6;lr>",
        contact="<sip:c@1.1.1.1>",
    )
    # The last proxy to record itself is the first on the way back.
    edge = line.another("10.0.0.6")
    line.hang_up(usage)
    (bye,) = edge.requests("BYE")
    assert str(bye.uri) == "sip:c@1.1.1.1"
    assert [str(route.uri) for route in bye.routes] == ["sip:10.0.0.6;lr", "sip:10.0.0.7;lr", "sip:10.0.0.8;lr"]
    assert proxy.heard == []
    edge.reply(bye, 200)
    line.settled()


def test_loose_routes_of_the_callee_keep_their_order() -> None:
    line = Line()
    usage = line.call_in("Record-Route: <sip:10.0.0.6;lr>, <sip:10.0.0.7;lr>", contact="<sip:c@1.1.1.1>")
    answer = line.peer.last_answer("INVITE")
    assert [str(route.uri) for route in answer.record_routes] == ["sip:10.0.0.6;lr", "sip:10.0.0.7;lr"]
    edge = line.another("10.0.0.6")
    line.hang_up(usage)
    (bye,) = edge.requests("BYE")
    assert [str(route.uri) for route in bye.routes] == ["sip:10.0.0.6;lr", "sip:10.0.0.7;lr"]
    assert str(bye.uri) == "sip:c@1.1.1.1"
    edge.reply(bye, 200)
    line.settled()


def test_a_strict_router_takes_the_request_uri() -> None:
    line = Line()
    usage = line.call_out("Record-Route: <sip:10.0.0.7;lr>, <sip:10.0.0.6>", contact="<sip:c@1.1.1.1>")
    edge = line.another("10.0.0.6")
    line.hang_up(usage)
    (bye,) = edge.requests("BYE")
    assert str(bye.uri) == "sip:10.0.0.6"
    assert [str(route.uri) for route in bye.routes] == ["sip:10.0.0.7;lr", "sip:c@1.1.1.1"]
    edge.reply(bye, 200)
    line.settled()


def test_the_2xx_settles_target_and_routes_of_an_early_dialog() -> None:
    line = Line()
    usage = line.invite()
    asked = line.asked()
    line.peer.reply(asked, 180, "Record-Route: <sip:10.0.0.9;lr>", contact="<sip:early@10.0.0.2>")
    line.ann.take(InviteProgress)
    line.peer.reply(asked, 200, body=SDP, contact="<sip:late@10.0.0.2>")
    line.ann.take(InviteAnswered)
    (ack,) = line.peer.requests("ACK")
    assert str(ack.uri) == "sip:late@10.0.0.2"
    assert ack.routes == ()
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


# -- targets (§12.2.1.2, §12.2.2)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_request_of_the_peer_refreshes_its_target(method: str) -> None:
    line = Line()
    usage = line.call_in()
    moved = line.another("10.0.0.3")
    line.peer.ask(method, 2, to_tag=line.tag, body=SDP, contact="<sip:raw@10.0.0.3>")
    event = line.ann.events.pop(0)
    assert isinstance(event, ReinviteReceived | UpdateReceived)
    line.ann.stack.send(Respond(tx=event.tx, status=200, body=SDP), line.wire.now)
    line.pass_time()
    if method == "INVITE":
        line.peer.ask("ACK", 2, to_tag=line.tag)
        line.ann.take(AckReceived)
    line.hang_up(usage)
    (bye,) = moved.requests("BYE")
    assert str(bye.uri) == "sip:raw@10.0.0.3"
    moved.reply(bye, 200)
    line.settled()


def test_an_answer_of_the_peer_refreshes_its_target() -> None:
    line = Line()
    usage = line.call_out()
    line.send_within(usage, "INVITE", SDP)
    moved = line.another("10.0.0.3")
    line.peer.reply(line.asked(), 200, body=SDP, contact="<sip:raw@10.0.0.3>")
    line.ann.take(ResponseReceived)
    assert [ack.cseq.number for ack in moved.requests("ACK")] == [2]
    line.hang_up(usage)
    moved.reply(moved.requests("BYE")[0], 200)
    line.settled()


def test_a_contact_that_names_no_host_is_reached_as_it_came() -> None:
    line = Line()
    usage = line.call_out(contact="<tel:+4930123>")
    assert len(line.peer.requests("ACK")) == 1, str(line.wire)
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_a_contact_without_an_address_ends_quietly() -> None:
    line = Line()
    usage = line.call_in(contact="<sip:raw@gone.invalid>")
    # Not behind a NAT by its Via, so its Contact counts, and that leads nowhere.
    line.hang_up(usage)
    assert line.peer.requests("BYE") == []
    line.settled()


# -- sequence (§12.2.2)


def test_a_request_out_of_order_is_refused() -> None:
    line = Line()
    line.call_in()
    line.peer.ask("INFO", 5, to_tag=line.tag)
    event = line.ann.take(DialogRequest)
    line.ann.stack.send(Respond(tx=event.tx, status=200), line.wire.now)
    line.peer.ask("INFO", 4, to_tag=line.tag)
    assert line.peer.answers("INFO") == [200, 500]
    assert line.ann.events == []
    line.end_by_peer()


def test_cseq_of_our_requests_counts_up_and_ack_repeats_its_invite() -> None:
    line = Line()
    usage = line.call_out()
    line.send_within(usage, "INFO")
    line.send_within(usage, "INVITE", SDP)
    line.peer.reply(line.peer.requests("INFO")[0], 200)
    line.peer.reply(line.asked(), 200, body=SDP)
    assert [ack.cseq.number for ack in line.peer.requests("ACK")] == [1, 3]
    line.hang_up(usage)
    bye = line.peer.requests("BYE")[0]
    assert bye.cseq.number == 4
    line.peer.reply(bye, 200)
    line.settled()


@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE", "UPDATE", "OPTIONS", "PRACK"])
def test_unknown_dialogs(method: str) -> None:
    line = Line()
    line.peer.ask(method, 7, to_tag="nobody", body=SDP)
    assert line.peer.answers(method) == [481]
    assert line.ann.events == []
    if method == "INVITE":
        line.peer.ask("ACK", 7, to_tag="nobody")
    line.settled()


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK"])
def test_methods_that_need_a_dialog(method: str) -> None:
    line = Line()
    line.peer.ask(method, 7)
    assert line.peer.answers(method) == [481]
    line.settled()


def test_an_ack_for_nothing_is_dropped() -> None:
    line = Line()
    line.peer.ask("ACK", 1, to_tag="nobody")
    line.peer.ask("ACK", 1)
    assert line.peer.heard == []
    assert line.ann.events == []
    line.settled()


def test_a_dialog_that_is_over_is_unknown() -> None:
    line = Line()
    line.call_in()
    tag = line.tag
    line.peer.ask("BYE", 2, to_tag=tag)
    line.ann.take(ByeReceived)
    line.peer.ask("BYE", 3, to_tag=tag)
    line.peer.ask("INVITE", 4, to_tag=tag, body=SDP)
    assert line.peer.answers("BYE") == [200, 481]
    assert line.peer.answers("INVITE")[-1] == 481
    line.settled()


@pytest.mark.parametrize(("status", "lost"), [(481, True), (408, True), (486, False), (500, False), (200, False)])
def test_what_an_answer_says_of_the_dialog(status: int, *, lost: bool) -> None:
    line = Line()
    usage = line.call_out()
    line.send_within(usage, "INFO")
    line.peer.reply(line.peer.requests("INFO")[0], status)
    line.ann.take(ResponseReceived)
    if lost:
        event = line.ann.take(DialogLost)
        assert (event.usage, event.status) == (usage, status)
    else:
        line.hang_up(usage)
        line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_a_request_within_that_nobody_answers_loses_the_dialog() -> None:
    line = Line()
    usage = line.call_out()
    line.send_within(usage, "INFO")
    line.pass_time(40)
    failed = line.ann.take(RequestFailed)
    assert failed.status == 408
    line.ann.take(DialogLost)
    line.settled()

"""Two stacks over connections in virtual time: no retransmissions, lost connections, reuse, large requests."""

from __future__ import annotations

import pytest

from sip.commands import Bye, Cancel, Respond, SendInDialog, SendInvite, SendRequest
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteCancelled,
    InviteFailed,
    InviteProgress,
    InviteReceived,
    ReinviteReceived,
    RequestFailed,
    RequestReceived,
)
from sip.flow import Flow, Target
from sip.framing import FramingError
from sip.message import Request
from sip.routes import NO_STREAM_S
from tests.fakes.pair import SDP, Pair
from tests.fakes.stream_wire import StreamWire


def tcp_pair() -> tuple[Pair, StreamWire]:
    wire = StreamWire()
    return Pair(wire=wire, transport="TCP"), wire


def test_a_call_over_one_connection() -> None:
    pair, wire = tcp_pair()
    ann, _ = pair.up()
    invite = pair.last("INVITE", pair.ann)
    assert isinstance(invite, Request)
    assert str(invite.top_via).startswith("SIP/2.0/TCP 10.0.0.1:5060;")
    assert invite.headers.get("contact") == "<sip:ann@10.0.0.1:5060;transport=tcp>"
    answer = pair.last("SIP/2.0 200", pair.ben)
    assert answer.headers.get("contact") == "<sip:ben@10.0.0.2:5060;transport=tcp>"
    pair.end(ann)
    assert (wire.connects, set(wire.transports)) == (1, {"TCP"})


def test_nothing_is_sent_again_but_the_2xx() -> None:
    """RFC 3261 §17.1.1.2, §17.1.2.2, §17.2.1: timers A, E and G do not run; §13.3.1.4: the 2xx is repeated even so."""
    pair, wire = tcp_pair()
    ann = pair.invite()
    pair.run()
    ben = pair.expect(pair.ben, InviteReceived).usage
    number = next(iter(wire.links))
    link = wire.links.pop(number)  # nothing gets through, nobody is told
    silent = {"INVITE": pair.count("INVITE", pair.ann)}
    wire.links[number] = link
    pair.run(20.0)
    assert silent == {"INVITE": pair.count("INVITE", pair.ann)} == {"INVITE": 1}
    pair.ben.stack.send(Respond(usage=ben, status=486), wire.now)
    pair.run(0.001)
    assert pair.ben.stack.census()["transactions"] == 1
    pair.run()
    assert pair.expect(pair.ann, InviteFailed).usage == ann
    # Timers D, I, J and K are zero: nothing lingers.
    assert pair.ann.stack.census()["transactions"] == pair.ben.stack.census()["transactions"] == 0
    assert pair.count("SIP/2.0 486", pair.ben) == 1


@pytest.mark.parametrize("stage", ["unanswered", "ringing"])
def test_a_lost_connection_fails_the_call_at_once(stage: str) -> None:
    pair, wire = tcp_pair()
    if stage == "ringing":
        ann, ben = pair.ring()
    else:
        ann = pair.invite()
        pair.run()
        ben = pair.expect(pair.ben, InviteReceived).usage
    wire.cut(1)
    failed = pair.expect(pair.ann, InviteFailed)
    assert (failed.usage, failed.status) == (ann, 503)
    # The callee's side goes on until its user gives up.
    pair.ben.stack.send(Respond(usage=ben, status=480), wire.now)
    pair.settled()


def test_a_lost_connection_fails_requests_and_nothing_else() -> None:
    """One closed connection says nothing of other connections of the same host, nor of UDP."""
    pair, wire = tcp_pair()
    numbers = {}
    for transport in ("TCP", "UDP"):
        target = Target("10.0.0.2", transport=transport)
        numbers[transport] = pair.ann.stack.send(
            SendRequest(target=target, method="OPTIONS", uri="sip:ben@10.0.0.2", from_="<sip:a@b>", to="<sip:c@d>"),
            wire.now,
        )
    other = wire.connect(pair.ben, ("10.0.0.1", 5060))
    assert other is not None
    pair.ben.stack.send(
        SendRequest(target=other, method="OPTIONS", uri="sip:ann@10.0.0.1", from_="<sip:a@b>", to="<sip:c@d>"), wire.now
    )
    pair.run(0.05)
    wire.cut(next(number for number, link in wire.links.items() if link.ends[0][0] is pair.ann))
    assert pair.expect(pair.ann, RequestReceived).request.method == "OPTIONS"
    failed = pair.expect(pair.ann, RequestFailed)
    assert (failed.tx, failed.status) == (numbers["TCP"], 503)
    pair.run(1.0)
    assert (pair.ann.events, pair.ann.stack.census()["transactions"]) == ([], 2)
    assert [type(event) for event in pair.ben.events] == [RequestReceived, RequestReceived]


def test_a_dialog_whose_connection_was_lost_finds_a_new_one() -> None:
    pair, wire = tcp_pair()
    ann, ben = pair.up()
    wire.cut(1)
    pair.run()
    pair.end(ann)
    assert wire.connects == 2
    assert pair.ben.events == []
    assert ben


def test_the_called_side_connects_to_the_contact_of_the_caller() -> None:
    pair, wire = tcp_pair()
    ann, ben = pair.up()
    pair.ben.stack.send(SendInDialog(usage=ben, method="INVITE", body=SDP), wire.now)
    pair.run()
    event = pair.expect(pair.ann, ReinviteReceived)
    assert wire.connects == 1  # over the connection of the call
    pair.ann.stack.send(Respond(tx=event.tx, status=200, body=SDP), wire.now)
    pair.run()
    pair.expect(pair.ann, AckReceived)
    pair.ben.events.clear()
    wire.cut(1)
    pair.ben.stack.send(Bye(usage=ben), wire.now)
    pair.run()
    assert pair.expect(pair.ann, ByeReceived).usage == ann
    assert (wire.connects, wire.links[2].ends[0][0]) == (2, pair.ben)
    pair.settled()


def test_a_dialog_follows_the_far_end_to_its_new_connection() -> None:
    pair, wire = tcp_pair()
    ann, ben = pair.up()
    wire.cut(1)
    pair.ann.stack.send(SendInDialog(usage=ann, method="INVITE", body=SDP), wire.now)
    pair.run()
    event = pair.expect(pair.ben, ReinviteReceived)
    pair.ben.stack.send(Respond(tx=event.tx, status=200, body=SDP), wire.now)
    pair.run()
    pair.expect(pair.ben, AckReceived)
    pair.ann.events.clear()
    pair.ben.stack.send(Bye(usage=ben), wire.now)
    pair.run()
    assert pair.expect(pair.ann, ByeReceived).usage == ann
    assert wire.connects == 2
    pair.settled()


def pinned(pair: Pair, flow: Flow) -> int:
    """Ann calls Ben over a flow: he is behind a NAT."""
    command = SendInvite(
        target=flow, uri="sip:ben@192.168.1.5", from_="<sip:a@b>", to="<sip:c@d>", contact_user="ann", body=SDP
    )
    return pair.ann.stack.send(command, pair.wire.now)


def test_a_phone_behind_a_nat_whose_connection_has_gone() -> None:
    pair, wire = tcp_pair()
    wire.connect(pair.ben, ("10.0.0.1", 5060))
    flow = wire.links[1].ends[1][1]
    ann = pinned(pair, flow)
    pair.run()
    ben = pair.expect(pair.ben, InviteReceived).usage
    pair.answer(ben)
    pair.run()
    pair.expect(pair.ann, InviteAnswered)
    pair.expect(pair.ben, AckReceived)
    wire.cut(1)
    pair.ann.stack.send(Bye(usage=ann), wire.now)
    late = pinned(pair, flow)
    pair.run()
    failed = pair.expect(pair.ann, InviteFailed)
    assert (failed.usage, failed.status) == (late, 503)
    assert wire.connects == 1
    assert pair.ann.stack.census()["usages"] == 0
    pair.ben.stack.send(Bye(usage=ben), wire.now)
    pair.settled()


def test_who_cannot_be_connected_to() -> None:
    pair, wire = tcp_pair()
    wire.takes_streams.clear()
    ann = pair.invite()
    pair.run()
    failed = pair.expect(pair.ann, InviteFailed)
    assert (failed.usage, failed.status) == (ann, 503)
    pair.settled()


def test_a_call_that_is_cancelled_and_one_that_is_refused() -> None:
    pair, wire = tcp_pair()
    ann, ben = pair.ring()
    pair.ann.stack.send(Cancel(usage=ann), wire.now)
    pair.run()
    assert pair.expect(pair.ben, InviteCancelled).usage == ben
    pair.settled()
    assert wire.connects == 1


# -- large requests (§18.1.1)


def large(pair: Pair) -> int:
    pair.ann.stack.send(
        SendInvite(
            target=Target("10.0.0.2"),
            uri="sip:ben@10.0.0.2",
            from_="<sip:ann@10.0.0.1>",
            to="<sip:ben@10.0.0.2>",
            contact_user="ann",
            body=SDP + b"a=x\r\n" * 250,
        ),
        pair.wire.now,
    )
    pair.run()
    return pair.expect(pair.ben, InviteReceived).usage


def test_a_large_request_goes_by_tcp() -> None:
    wire = StreamWire()
    pair = Pair(wire=wire)
    ben = large(pair)
    invite = pair.last("INVITE", pair.ann)
    assert invite.headers.get_all("user-agent") == ["Cordboard"]
    assert [str(via).split(";")[0] for via in invite.vias] == ["SIP/2.0/TCP 10.0.0.1:5060"]
    assert invite.headers.get_all("contact") == ["<sip:ann@10.0.0.1:5060;transport=tcp>"]
    pair.ben.stack.send(Respond(usage=ben, status=180), wire.now)
    pair.answer(ben)
    pair.run()
    pair.expect(pair.ann, InviteProgress)
    ann = pair.expect(pair.ann, InviteAnswered).usage
    pair.expect(pair.ben, AckReceived)
    pair.end(ann)
    assert set(wire.transports) == {"TCP"}


def test_a_large_request_goes_by_udp_to_who_takes_no_tcp() -> None:
    wire = StreamWire()
    pair = Pair(wire=wire)
    wire.takes_streams.clear()
    for turn in (1, 1, 2):
        ben = large(pair)
        pair.ben.stack.send(Respond(usage=ben, status=486), wire.now)
        pair.run()
        pair.expect(pair.ann, InviteFailed)
        assert wire.connects == turn
        assert pair.last("INVITE", pair.ann).top_via.transport == "UDP"
        pair.run(10.0 if turn == 1 and pair.count("INVITE", pair.ann) == 1 else NO_STREAM_S)
    assert set(wire.transports) == {"UDP"}
    pair.settled()


def test_a_large_request_over_a_given_flow_stays_there() -> None:
    wire = StreamWire()
    pair = Pair(wire=wire)
    pair.ann.stack.send(
        SendRequest(
            target=pair.ann.flow_to(("10.0.0.2", 5060)),
            method="MESSAGE",
            uri="sip:ben@10.0.0.2",
            from_="<sip:a@b>",
            to="<sip:c@d>",
            body=b"x" * 2000,
            content_type="text/plain",
        ),
        wire.now,
    )
    pair.run()
    assert pair.expect(pair.ben, RequestReceived).request.method == "MESSAGE"
    assert (wire.connects, set(wire.transports)) == (0, {"UDP"})


# -- streams that cannot be framed


HEAD = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.2:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:x>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
)


@pytest.mark.parametrize(
    ("head", "answers"),
    [
        (HEAD, [b"SIP/2.0 400 Bad Request (framing)"]),
        (HEAD.replace(b"OPTIONS sip:x", b"OPTIONS  x"), [b"SIP/2.0 400 Bad Request (framing)"]),
        (HEAD.replace(b"Via", b"Vio"), []),
        (b"SIP/2.0 200 OK\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\n\r\n", []),
        (b"", []),
    ],
)
def test_a_message_without_a_length_is_answered_where_that_is_possible(head: bytes, answers: list[bytes]) -> None:
    pair, wire = tcp_pair()
    wire.connect(pair.ben, ("10.0.0.1", 5060))
    flow = wire.links[1].ends[1][1]
    pair.ann.stack.refuse_unframed(FramingError("Content-Length is missing", head=head), flow, wire.now)
    sent = pair.ann.stack.datagrams_to_send()
    assert [data.split(b"\r\n")[0] for _, data in sent] == answers
    assert {to for to, _ in sent} <= {flow}
    assert pair.ann.stack.malformed == 1

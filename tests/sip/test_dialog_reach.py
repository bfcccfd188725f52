"""Where a peer is reached: Via, rport, NAT (RFC 3581), and peers of RFC 2543."""

from __future__ import annotations

from sip.commands import Respond
from sip.events import (
    AckReceived,
    ByeReceived,
    InviteAnswered,
    InviteFailed,
    InviteReceived,
)
from tests.fakes.line import SDP, Line
from tests.fakes.raw_peer import RawPeer

# -- where from, where to (RFC 3581, NAT)


def test_received_and_rport_are_written_down() -> None:
    line = Line()
    line.peer.ask("OPTIONS", 1, to_tag="x", via="SIP/2.0/UDP 192.168.1.5:5070;branch=z9hG4bKn;rport")
    via = line.peer.last_answer("OPTIONS").top_via
    assert (via.host, via.port, via.received, via.rport) == ("192.168.1.5", 5070, "10.0.0.2", 5060)


def test_received_alone_where_no_rport_is_asked_for() -> None:
    line = Line()
    line.peer.ask("OPTIONS", 1, to_tag="x", via="SIP/2.0/UDP 192.168.1.5;branch=z9hG4bKn")
    via = line.peer.last_answer("OPTIONS").top_via
    assert (via.received, via.rport) == ("10.0.0.2", None)


def test_a_gateway_that_listens_at_another_port_than_it_sends_from() -> None:
    """RFC 3261 §18.2.2: without rport, and no NAT between, the answer goes to the port in Via."""
    line = Line()
    listening = RawPeer(line.wire, ("10.0.0.2", 5070), line.ann.address)
    sending = RawPeer(line.wire, ("10.0.0.2", 40000), line.ann.address)
    via = "SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKg"
    sending.ask("INVITE", 1, via=via, body=SDP, contact="<sip:raw@10.0.0.2:5070>")
    event = line.ann.take(InviteReceived)
    assert event.flow.remote == ("10.0.0.2", 40000)
    line.answer(event.usage)
    assert listening.answers("INVITE") == [100, 200]
    sending.ask("ACK", 1, to_tag=listening.last_answer("INVITE").to_tag)
    line.hang_up(event.usage)
    assert sending.heard == []
    listening.reply(listening.requests("BYE")[0], 200)
    line.settled()


def test_a_via_of_many_keeps_the_others() -> None:
    line = Line()
    line.peer.ask("OPTIONS", 1, to_tag="x", via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKn;rport, SIP/2.0/TCP b;branch=1")
    vias = line.peer.last_answer("OPTIONS").vias
    assert [via.host for via in vias] == ["10.0.0.2", "b"]
    assert vias[0].rport == 5060


def test_a_phone_behind_a_nat_is_reached_over_its_flow() -> None:
    line = Line()
    via = "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKn;rport"
    usage = line.call_in(contact="<sip:raw@192.168.1.5:5060>", via=via)
    line.hang_up(usage)
    (bye,) = line.peer.requests("BYE")
    assert str(bye.uri) == "sip:raw@192.168.1.5:5060"
    line.peer.reply(bye, 200)
    line.settled()


def test_a_phone_that_is_called_over_its_flow_stays_on_it() -> None:
    line = Line()
    usage = line.call_out(contact="<sip:raw@192.168.1.5:5060>", pinned=True)
    assert len(line.peer.requests("ACK")) == 1
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_a_name_without_an_address_fails_the_call() -> None:
    line = Line()
    line.invite(host="nowhere.invalid")
    failed = line.ann.take(InviteFailed)
    assert (failed.status, failed.response) == (503, None)
    line.settled()


# -- peers of RFC 2543


def test_a_peer_without_branch_and_tags() -> None:
    line = Line()
    via = "SIP/2.0/UDP 10.0.0.2:5060"
    line.peer.ask("INVITE", 1, body=SDP, via=via)
    line.peer.ask("INVITE", 1, body=SDP, via=via)
    event = line.ann.take(InviteReceived)
    assert line.ann.events == []
    line.answer(event.usage)
    line.peer.ask("ACK", 1, to_tag=line.tag, via=via, uri="sip:ann@10.0.0.1:5060")
    line.ann.take(AckReceived)
    line.peer.ask("BYE", 2, to_tag=line.tag, via=via)
    assert line.peer.answers("BYE") == [200]
    line.ann.take(ByeReceived)
    line.settled()


def test_a_refusal_to_a_peer_without_branch_is_acknowledged() -> None:
    line = Line()
    via = "SIP/2.0/UDP 10.0.0.2:5060"
    line.peer.ask("INVITE", 1, body=SDP, via=via)
    event = line.ann.take(InviteReceived)
    line.ann.stack.send(Respond(usage=event.usage, status=486), line.wire.now)
    line.pass_time()
    line.peer.ask("ACK", 1, to_tag=line.tag, via=via)
    line.pass_time(30)
    assert line.peer.answers("INVITE") == [100, 486], str(line.wire)
    line.settled()


def test_a_callee_without_a_tag() -> None:
    line = Line()
    usage = line.invite()
    line.peer.reply(line.asked(), 200, tag=None, body=SDP)
    line.ann.take(InviteAnswered)
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[0], 200, tag=None)
    line.settled()


def test_dialog_state_is_plain_data() -> None:
    line = Line()
    usage = line.call_in()
    state = line.ann.stack.dialog_state(usage)
    assert state is not None
    assert (state["call_id"], state["remote_tag"], state["remote_cseq"]) == ("rawcall", "raw", 1)
    assert state["target"] == "sip:raw@10.0.0.2:5060"
    assert line.ann.stack.dialog_state(usage + 1) is None
    line.end_by_peer()

"""Dialogs against a peer that writes by hand: routes, targets, sequence, forks, NAT."""

from __future__ import annotations

import pytest

from sip.commands import Bye, Respond, SendInDialog, SendInvite
from sip.events import (
    AckReceived,
    ByeReceived,
    DialogLost,
    DialogRequest,
    InviteAnswered,
    InviteFailed,
    InviteProgress,
    InviteReceived,
    ReinviteReceived,
    RequestFailed,
    ResponseReceived,
    UpdateReceived,
)
from sip.flow import Target
from sip.message import Request
from sip.uac import MAX_FORKS
from tests.fakes.raw_peer import RawPeer
from tests.fakes.wire import Station, Wire

SDP = b"v=0\r\n"


class Line:
    """A stack (Ann at 10.0.0.1) and a peer by hand (10.0.0.2), on a wire."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.ann: Station = self.wire.station("ann", ("10.0.0.1", 5060))
        self.peer = RawPeer(self.wire, ("10.0.0.2", 5060), self.ann.address)

    def another(self, host: str) -> RawPeer:
        return RawPeer(self.wire, (host, 5060), self.ann.address)

    def pass_time(self, seconds: float = 0.1) -> None:
        self.wire.run(self.wire.now + seconds)

    def invite(self, *, pinned: bool = False, host: str = "10.0.0.2") -> int:
        usage = self.ann.stack.send(
            SendInvite(
                target=self.ann.flow_to((host, 5060)) if pinned else Target(host),
                uri=f"sip:raw@{host}",
                from_="<sip:ann@10.0.0.1>",
                to=f"<sip:raw@{host}>",
                contact_user="ann",
                body=SDP,
            ),
            self.wire.now,
        )
        self.pass_time()
        return usage

    def asked(self) -> Request:
        return self.peer.requests("INVITE")[-1]

    def call_out(self, *headers: str, contact: str = "", pinned: bool = False) -> int:
        """Ann calls, the peer answers."""
        usage = self.invite(pinned=pinned)
        self.peer.reply(self.asked(), 200, *headers, body=SDP, contact=contact)
        self.ann.take(InviteAnswered)
        return usage

    def call_in(self, *headers: str, contact: str | None = None, via: str | None = None, ack: bool = True) -> int:
        """The peer calls, Ann answers."""
        self.peer.ask("INVITE", 1, *headers, contact=contact, via=via, body=SDP)
        event = self.ann.take(InviteReceived)
        assert isinstance(event, InviteReceived)
        self.answer(event.usage)
        if ack:
            self.peer.ask("ACK", 1, to_tag=self.tag)
            self.ann.take(AckReceived)
        return event.usage

    def answer(self, usage: int) -> None:
        self.ann.stack.send(Respond(usage=usage, status=200, body=SDP), self.wire.now)
        self.pass_time()

    @property
    def tag(self) -> str:
        """Ann's tag, as she answered the peer's INVITE."""
        return self.peer.last_answer("INVITE").to_tag or ""

    def hang_up(self, usage: int) -> None:
        self.ann.stack.send(Bye(usage=usage), self.wire.now)
        self.pass_time()

    def send_within(self, usage: int, method: str, body: bytes = b"") -> int:
        number = self.ann.stack.send(SendInDialog(usage=usage, method=method, body=body), self.wire.now)
        self.pass_time()
        return number

    def settled(self) -> None:
        self.wire.run(self.wire.now + 100)
        assert set(self.ann.stack.census().values()) == {0}, f"{self.ann.stack.census()}\n{self.wire}"

    def end_by_peer(self, cseq: int = 100) -> None:
        self.peer.ask("BYE", cseq, to_tag=self.tag)
        assert self.peer.answers("BYE")[-1] == 200, str(self.wire)
        self.ann.take(ByeReceived)
        self.settled()


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


# -- early dialogs and forks (§13.2.2.4)


def test_forks_ring_one_answers_the_second_is_ended() -> None:
    line = Line()
    usage = line.invite()
    asked = line.asked()
    for tag in ("a", "b", "a"):
        line.peer.reply(asked, 180, tag=tag)
        progress = line.ann.take(InviteProgress)
        assert progress.early == tag
    assert line.ann.stack.census()["dialogs"] == 2
    line.peer.reply(asked, 200, tag="b", body=SDP)
    line.ann.take(InviteAnswered)
    assert line.ann.stack.census()["dialogs"] == 1
    line.peer.reply(asked, 200, tag="a", body=SDP)
    assert line.ann.events == []
    (bye,) = line.peer.requests("BYE")
    assert (bye.to_tag, bye.cseq.number) == ("a", 2)
    assert [ack.to_tag for ack in line.peer.requests("ACK")] == ["b", "a"]
    line.peer.reply(bye, 200)
    # The fork says it again: acknowledged again, not ended twice.
    line.peer.reply(asked, 200, tag="a", body=SDP)
    assert [ack.to_tag for ack in line.peer.requests("ACK")] == ["b", "a", "a"]
    assert len(line.peer.requests("BYE")) == 1
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[1], 200)
    line.settled()


def test_forks_without_end_cost_no_more_than_so_many() -> None:
    line = Line()
    usage = line.invite()
    asked = line.asked()
    for number in range(MAX_FORKS + 20):
        line.peer.reply(asked, 180, tag=f"r{number}")
        line.ann.take(InviteProgress)
    assert line.ann.stack.census()["dialogs"] == MAX_FORKS
    for number in range(MAX_FORKS + 20):
        line.peer.reply(asked, 200, tag=f"r{number}", body=SDP)
    line.ann.take(InviteAnswered)
    assert len({ack.to_tag for ack in line.peer.requests("ACK")}) == MAX_FORKS
    for bye in line.peer.requests("BYE"):
        line.peer.reply(bye, 200)
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[-1], 200)
    line.settled()


def test_a_2xx_that_comes_again_gets_the_same_ack() -> None:
    line = Line()
    usage = line.call_out()
    asked = line.asked()
    for _ in range(2):
        line.peer.reply(asked, 200, body=SDP)
    acks = line.peer.requests("ACK")
    assert len(acks) == 3
    assert len({ack.encode() for ack in acks}) == 1
    line.hang_up(usage)
    line.peer.reply(asked, 200, body=SDP)
    assert len(line.peer.requests("ACK")) == 4
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_a_2xx_that_comes_again_after_a_reinvite_ends_nothing() -> None:
    line = Line()
    usage = line.call_out()
    first = line.asked()
    line.send_within(usage, "INVITE", SDP)
    line.peer.reply(line.asked(), 200, body=SDP)
    line.ann.take(ResponseReceived)
    line.peer.reply(first, 200, body=SDP)
    assert line.peer.requests("BYE") == []
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_an_early_dialog_cannot_be_ended_by_the_callee_with_bye() -> None:
    line = Line()
    line.invite()
    asked = line.asked()
    line.peer.reply(asked, 180)
    line.ann.take(InviteProgress)
    line.peer.call_id = asked.call_id
    line.peer.ask("BYE", 1, to_tag=asked.from_tag)
    assert line.peer.answers("BYE") == [481]
    line.peer.reply(asked, 486)
    line.ann.take(InviteFailed)
    line.settled()


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

"""The transaction layer in virtual time: when what is sent again, to the millisecond."""

from __future__ import annotations

import pytest

from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, Response
from sip.parser import parse_message
from sip.timers import Timers, Timing
from sip.transaction import State, Transaction
from sip.transaction_layer import TransactionLayer, server_key

UDP = Flow("udp", "UDP", ("10.0.0.1", 5060), ("10.0.0.2", 5060))
TCP = Flow("tcp", "TCP", ("10.0.0.1", 5060), ("10.0.0.2", 40000), connection=1)
FLOWS = pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])


class Bench:
    """A layer alone: what it sent and what it told, with times; printed as a ladder."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []
        self.told: list[tuple[float, str]] = []
        self.timers = Timers()
        self.layer = TransactionLayer(self.timers, Timing(), self._transmit, self)

    def _transmit(self, flow: Flow, data: bytes) -> None:
        start = data.split(b"\r\n", 1)[0].decode()
        self.sent.append((self.now, start.removeprefix("SIP/2.0 ").split(" ")[0]))

    def on_response(self, tx: Transaction, response: Response, now: float) -> None:
        self.told.append((now, str(response.status)))

    def on_stray_ack(self, tx: Transaction, ack: Request, now: float) -> None:
        self.told.append((now, "ACK"))

    def on_client_failure(self, tx: Transaction, status: int, cause: str, now: float) -> None:
        self.told.append((now, f"failed {status}"))

    def on_server_done(self, tx: Transaction, now: float) -> None:
        self.told.append((now, "done"))

    def run(self, until: float) -> None:
        while (when := self.timers.next_timeout()) is not None and when <= until:
            self.now = when
            self.timers.run(when)
        self.now = until

    def start(self, method: str, flow: Flow) -> Transaction:
        return self.layer.start_client(request(method, flow), flow, None, self.now)

    def serve(self, method: str, flow: Flow) -> Transaction:
        asked = request(method, flow)
        return self.layer.start_server(asked, flow, server_key(asked))

    def hear(self, tx: Transaction, status: int) -> None:
        branch, method = tx.key
        self.layer.take_response(answer(branch, method, status), self.now)

    def again(self, method: str, flow: Flow) -> bool:
        asked = request(method, flow)
        return self.layer.absorb_request(asked, server_key(asked), self.now)

    def say(self, tx: Transaction, status: int) -> None:
        self.layer.respond(tx, status, f"SIP/2.0 {status} x\r\n\r\n".encode(), self.now)

    def times(self, what: str) -> list[float]:
        return [round(at, 3) for at, sent in self.sent if sent == what]

    def gone_at(self, tx: Transaction, limit: float = 200.0) -> float:
        """When the transaction leaves the table."""
        while tx.key in self.layer.table:
            when = self.timers.next_timeout()
            assert when is not None, f"{tx.state.name} for ever\n{self}"
            assert when <= limit, f"still {tx.state.name} at {limit}\n{self}"
            self.run(when)
        assert tx.state is State.TERMINATED
        return round(self.now, 3)

    def __str__(self) -> str:
        rows = sorted([(at, f"-> {what}") for at, what in self.sent] + [(at, f"   {what}") for at, what in self.told])
        return "\n".join(f"{at:9.3f} {what}" for at, what in rows)


def request(method: str, flow: Flow, branch: str | None = "z9hG4bKx") -> Request:
    param = "" if branch is None else f";branch={branch}"
    text = (
        f"{method} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/{flow.transport} 10.0.0.1:5060{param}\r\n"
        f"From: <sip:a@example.com>;tag=a\r\nTo: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n"
        "Route: <sip:proxy;lr>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    parsed = parse_message(text.encode())
    assert isinstance(parsed, Request)
    return parsed


def answer(branch: str, method: str, status: int) -> Response:
    headers = Headers()
    headers.add("via", f"SIP/2.0/UDP 10.0.0.1:5060;branch={branch}")
    headers.add("from", "<sip:a@example.com>;tag=a")
    headers.add("to", "<sip:b@example.com>;tag=b")
    headers.add("call-id", "c")
    headers.add("cseq", f"1 {method}")
    return Response(status, "x", headers, b"")


def test_timers_a_and_b() -> None:
    bench = Bench()
    tx = bench.start("INVITE", UDP)
    assert bench.gone_at(tx) == 32.0
    assert bench.times("INVITE") == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5], str(bench)
    assert bench.told == [(32.0, "failed 408")]


def test_timers_e_and_f() -> None:
    bench = Bench()
    tx = bench.start("OPTIONS", UDP)
    assert bench.gone_at(tx) == 32.0
    assert bench.times("OPTIONS") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5], str(bench)
    assert bench.told == [(32.0, "failed 408")]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_reliable_transports_repeat_nothing(method: str) -> None:
    bench = Bench()
    tx = bench.start(method, TCP)
    assert bench.gone_at(tx) == 32.0
    assert bench.times(method) == [0.0], str(bench)
    assert bench.told == [(32.0, "failed 408")]


def test_a_provisional_answer_stops_timers_a_and_b() -> None:
    bench = Bench()
    tx = bench.start("INVITE", UDP)
    bench.run(2.0)
    bench.hear(tx, 180)
    bench.run(500.0)
    assert bench.times("INVITE") == [0.0, 0.5, 1.5], str(bench)
    assert bench.told == [(2.0, "180")]
    assert tx.state is State.PROCEEDING
    bench.layer.limit(tx, bench.now)
    bench.layer.limit(tx, bench.now + 1)
    assert bench.gone_at(tx, 600.0) == 532.0
    assert bench.told[-1] == (532.0, "failed 408")


def test_a_provisional_answer_slows_timer_e_to_t2() -> None:
    bench = Bench()
    tx = bench.start("OPTIONS", UDP)
    bench.run(1.0)
    bench.hear(tx, 100)
    assert bench.gone_at(tx) == 32.0
    # The timer that runs goes on; the next is T2 (RFC 3261 §17.1.2.2).
    assert bench.times("OPTIONS") == [0.0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5], str(bench)


@FLOWS
def test_timer_d_meets_each_refusal_with_the_same_ack(flow: Flow) -> None:
    bench = Bench()
    tx = bench.start("INVITE", flow)
    bench.run(1.25)
    bench.hear(tx, 486)
    assert bench.told == [(1.25, "486")]
    if flow.reliable:
        assert bench.gone_at(tx) == 1.25
        return
    for at in (1.75, 20.0):
        bench.run(at)
        bench.hear(tx, 486)
    assert bench.gone_at(tx) == 33.25
    assert bench.times("ACK") == [1.25, 1.75, 20.0], str(bench)
    assert bench.times("INVITE") == [0.0, 0.5]
    assert bench.told == [(1.25, "486")]


def test_ack_of_a_refusal_follows_its_invite() -> None:
    bench = Bench()
    tx = bench.start("INVITE", UDP)
    bench.hear(tx, 404)
    ack = parse_message(tx.message)
    assert isinstance(ack, Request)
    assert str(ack.uri) == "sip:b@example.com"
    assert ack.top_via.branch == "z9hG4bKx"
    assert [str(route) for route in ack.routes] == ["<sip:proxy;lr>"]
    assert (ack.to_tag, ack.cseq.number, ack.cseq.method) == ("b", 1, "ACK")


@FLOWS
def test_timer_m_passes_every_2xx_up(flow: Flow) -> None:
    bench = Bench()
    tx = bench.start("INVITE", flow)
    bench.run(0.3)
    bench.hear(tx, 200)
    bench.run(10.0)
    bench.hear(tx, 200)
    bench.hear(tx, 180)
    bench.hear(tx, 486)
    assert bench.gone_at(tx) == 32.3
    assert bench.told == [(0.3, "200"), (10.0, "200")], str(bench)
    assert bench.times("INVITE") == [0.0]


@FLOWS
def test_timer_k_absorbs_what_comes_again(flow: Flow) -> None:
    bench = Bench()
    tx = bench.start("OPTIONS", flow)
    bench.run(0.2)
    bench.hear(tx, 200)
    if flow.reliable:
        assert bench.gone_at(tx) == 0.2
        return
    bench.run(3.0)
    bench.hear(tx, 200)
    assert bench.gone_at(tx) == 5.2
    assert bench.told == [(0.2, "200")], str(bench)


@FLOWS
def test_timers_g_and_h(flow: Flow) -> None:
    bench = Bench()
    tx = bench.serve("INVITE", flow)
    bench.run(2.0)
    bench.say(tx, 486)
    assert bench.gone_at(tx) == 34.0
    again = [2.5, 3.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5, 33.5]
    assert bench.times("486") == [2.0, *([] if flow.reliable else again)], str(bench)
    assert bench.told == [(34.0, "done")]


@FLOWS
def test_timer_i_absorbs_further_acks(flow: Flow) -> None:
    bench = Bench()
    tx = bench.serve("INVITE", flow)
    bench.say(tx, 486)
    bench.run(0.6)
    assert bench.again("ACK", flow)
    if flow.reliable:
        assert bench.gone_at(tx) == 0.6
        return
    bench.run(2.0)
    assert bench.again("ACK", flow)
    assert bench.again("INVITE", flow)
    assert bench.gone_at(tx) == 5.6
    assert bench.times("486") == [0.0, 0.5], str(bench)
    assert not bench.again("ACK", flow)


@FLOWS
def test_timer_j_repeats_the_answer(flow: Flow) -> None:
    bench = Bench()
    tx = bench.serve("OPTIONS", flow)
    assert bench.again("OPTIONS", flow)
    assert bench.sent == []
    bench.run(1.0)
    bench.say(tx, 200)
    if flow.reliable:
        assert bench.gone_at(tx) == 1.0
        return
    bench.run(30.0)
    assert bench.again("OPTIONS", flow)
    bench.say(tx, 500)
    assert bench.gone_at(tx) == 33.0
    assert bench.sent == [(1.0, "200"), (30.0, "200")], str(bench)


@FLOWS
def test_timer_l_absorbs_the_invite_and_passes_acks(flow: Flow) -> None:
    """RFC 6026 §7.1: the 2xx is the user's to repeat, not the transaction's."""
    bench = Bench()
    tx = bench.serve("INVITE", flow)
    bench.say(tx, 180)
    assert bench.again("INVITE", flow)
    bench.say(tx, 200)
    assert bench.again("INVITE", flow)
    bench.run(31.0)
    assert bench.again("ACK", flow)
    assert bench.gone_at(tx) == 32.0
    assert [what for _, what in bench.sent] == ["180", "180", "200"], str(bench)
    assert bench.told == [(0.0, "done"), (31.0, "ACK")]


def test_an_answer_after_the_final_one_is_not_sent() -> None:
    bench = Bench()
    tx = bench.serve("INVITE", UDP)
    bench.say(tx, 487)
    bench.say(tx, 200)
    bench.say(tx, 180)
    assert [what for _, what in bench.sent] == ["487"]


def test_answers_find_their_request_by_branch_and_method() -> None:
    bench = Bench()
    tx = bench.start("INVITE", UDP)
    assert not bench.layer.take_response(answer("z9hG4bKother", "INVITE", 200), 0.0)
    assert not bench.layer.take_response(answer("z9hG4bKx", "CANCEL", 200), 0.0)
    assert tx.state is State.CALLING
    assert bench.layer.take_response(answer("z9hG4bKx", "INVITE", 200), 0.0)


def test_requests_are_told_apart_by_branch_sender_and_method() -> None:
    key = server_key(request("INVITE", UDP))
    assert server_key(request("ACK", UDP)) == key
    assert server_key(request("CANCEL", UDP)) == (*key[:-1], "CANCEL")
    assert server_key(request("INVITE", UDP, "z9hG4bKy")) != key
    other = request("INVITE", UDP)
    other.headers.set("via", ["SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKx"])
    assert server_key(other) != key


def test_peers_of_rfc_2543_are_told_apart_by_the_whole_request() -> None:
    for branch in ("1", None):
        key = server_key(request("INVITE", UDP, branch))
        assert server_key(request("INVITE", UDP, branch)) == key
        assert server_key(request("ACK", UDP, branch)) == key
        assert server_key(request("CANCEL", UDP, branch)) == (*key[:-1], "CANCEL")
        second = request("INVITE", UDP, branch)
        second.headers.set("cseq", ["2 INVITE"])
        assert server_key(second) != key


@pytest.mark.parametrize(
    ("method", "status", "told"),
    [
        ("INVITE", None, "failed 503"),
        ("OPTIONS", None, "failed 503"),
        ("OPTIONS", 100, "failed 503"),
        ("INVITE", 180, None),
        ("INVITE", 200, None),
        ("OPTIONS", 200, None),
        ("INVITE", 486, None),
    ],
)
def test_a_flow_that_fails(method: str, status: int | None, told: str | None) -> None:
    bench = Bench()
    tx = bench.start(method, UDP)
    if status is not None:
        bench.hear(tx, status)
    before = len(bench.told)
    bench.layer.fail_flow(("10.0.0.3", 5060), bench.now)
    assert len(bench.told) == before
    bench.layer.fail_flow(UDP.remote, bench.now)
    bench.layer.fail_flow(UDP.remote, bench.now)
    assert [what for _, what in bench.told[before:]] == ([told] if told else [])
    bench.run(100.0)
    assert (tx.key in bench.layer.table) == (status == 180), str(bench)


def test_peers_are_forgotten_with_their_last_transaction() -> None:
    bench = Bench()
    for method in ("INVITE", "OPTIONS"):
        bench.start(method, UDP)
    assert {remote: len(known) for remote, known in bench.layer._clients.items()} == {UDP.remote: 2}
    bench.run(100.0)
    assert (bench.layer.table, bench.layer._clients) == ({}, {})


def test_a_finished_transaction_keeps_only_what_it_may_send_again() -> None:
    bench = Bench()
    client, refused = bench.start("OPTIONS", UDP), bench.start("INVITE", UDP)
    bench.hear(client, 200)
    bench.hear(refused, 404)
    assert (client.request, client.message) == (None, b"")
    assert refused.request is None
    assert refused.message.startswith(b"ACK ")

"""Calls in by one trunk and out by another: the next peer, time limits, room."""

from __future__ import annotations

import asyncio

import pytest

from pbx.cdr import Cdr
from sip.commands import Respond
from sip.events import ByeReceived, InviteAnswered, InviteCancelled, InviteFailed, InviteProgress, InviteReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually

TWO_PEERS = (("10.0.2.1", 5060), ("10.0.2.2", 5060))


class Carriers:
    """A carrier that calls in, and the two peers of the trunk that leads out."""

    def __init__(self, **changes: object) -> None:
        self.board = Switchboard(demo_snapshot(**changes))
        self.caller = self.board.phone("load-in", "10.0.1.1")
        self.first = self.board.phone("peer-1", "10.0.2.1")
        self.second = self.board.phone("peer-2", "10.0.2.2")

    async def call(self, number: str = "9001") -> int:
        return await self.caller.invite(number, password=False)

    async def answered(self, peer: Phone, usage: int) -> Cdr:
        """The peer answers, the caller hangs up; the record."""
        peer.answer(await peer.ringing())
        await self.caller.expect(InviteAnswered)
        await asyncio.sleep(2)
        self.caller.hang_up(usage)
        await peer.expect(ByeReceived)
        (record,) = await self.board.settled()
        assert (record.result, record.direction) == ("answered", "inbound")
        return record


@virtually
async def test_in_by_one_trunk_and_out_by_another() -> None:
    carriers = Carriers()
    record = await carriers.answered(carriers.first, await carriers.call())
    assert (record.did, record.trunk, record.tenant) == ("9001", "load-in", "bench")
    assert [(leg.trunk, leg.direction) for leg in record.legs] == [("load-in", "in"), ("load-out", "out")]
    assert (record.destination_type, record.called_final) == ("external", "9001")


@pytest.mark.parametrize("status", [401, 403, 408, 500, 501, 502, 503, 504])
@virtually
async def test_a_fault_of_the_line_tries_the_next_peer(status: int) -> None:
    carriers = Carriers(peers=TWO_PEERS)
    usage = await carriers.call()
    carriers.first.refuse(await carriers.first.expect(InviteReceived), status)
    record = await carriers.answered(carriers.second, usage)
    assert len(record.legs) == 3


@pytest.mark.parametrize(("status", "to_caller"), [(404, 404), (486, 486), (480, 480), (600, 600), (603, 603)])
@virtually
async def test_a_word_of_the_callee_is_final(status: int, to_caller: int) -> None:
    carriers = Carriers(peers=TWO_PEERS)
    await carriers.call()
    carriers.first.refuse(await carriers.first.ringing(), status)
    assert (await carriers.caller.expect(InviteFailed)).status == to_caller
    (record,) = await carriers.board.settled()
    assert len(record.legs) == 2
    assert carriers.second.events == []


@virtually
async def test_a_peer_that_says_nothing_gives_way_after_the_progress_limit() -> None:
    carriers = Carriers(peers=TWO_PEERS, progress_timeout_s=6.0)
    carriers.first.switch_off()
    usage = await carriers.call()
    record = await carriers.answered(carriers.second, usage)
    assert record.legs[1].reason == "offline"
    assert record.legs[1].end_at_ms is not None
    assert 5_900 <= record.legs[1].end_at_ms - record.legs[1].start_at_ms <= 6_100


@virtually
async def test_a_peer_that_cannot_be_reached_gives_way_at_once() -> None:
    carriers = Carriers(peers=TWO_PEERS)
    carriers.first.switch_off()
    usage = await carriers.call()
    await asyncio.sleep(0.2)
    carriers.board.node.unreachable(carriers.first.address)
    record = await carriers.answered(carriers.second, usage)
    assert record.legs[1].reason == "offline"
    assert record.total_ms < 3_000


@virtually
async def test_a_name_without_an_address_gives_way_at_once() -> None:
    carriers = Carriers(peers=(("gone.invalid", 5060), TWO_PEERS[1]))
    record = await carriers.answered(carriers.second, await carriers.call())
    assert record.total_ms < 3_000


@virtually
async def test_a_peer_that_rings_too_long_ends_the_call() -> None:
    carriers = Carriers(peers=TWO_PEERS, setup_timeout_s=20.0)
    await carriers.call()
    await carriers.first.ringing()
    assert (await carriers.caller.expect(InviteFailed)).status == 480
    await carriers.first.expect(InviteCancelled)
    (record,) = await carriers.board.settled()
    assert (record.result, record.reason) == ("missed", "no_answer")
    assert 19_900 <= record.total_ms <= 20_200
    assert carriers.second.events == []


@virtually
async def test_no_peer_works() -> None:
    carriers = Carriers(peers=TWO_PEERS)
    await carriers.call()
    for peer in (carriers.first, carriers.second):
        peer.refuse(await peer.expect(InviteReceived), 503)
    assert (await carriers.caller.expect(InviteFailed)).status == 503
    (record,) = await carriers.board.settled()
    assert (record.result, record.reason, record.sip_code) == ("failed", "carrier_error", 503)


@pytest.mark.parametrize("changes", [{"enabled": False}, {"peers": ()}, {"owner": "demo"}, {"max_out": 0}])
@virtually
async def test_a_trunk_that_cannot_be_used(changes: dict[str, object]) -> None:
    carriers = Carriers(**changes)
    await carriers.call()
    assert (await carriers.caller.expect(InviteFailed)).status == 503
    (record,) = await carriers.board.settled()
    assert (record.result, record.reason) == ("failed", "no_trunk")
    assert carriers.first.events == []


@virtually
async def test_room_for_one_call_out() -> None:
    carriers = Carriers(max_total=1)
    usage = await carriers.call()
    call = await carriers.first.ringing()
    await carriers.call()
    assert (await carriers.caller.expect(InviteFailed)).status == 503
    carriers.first.answer(call)
    await carriers.caller.expect(InviteAnswered)
    carriers.caller.hang_up(usage)
    records = await carriers.board.settled()
    assert sorted(record.reason for record in records) == ["no_trunk", "normal"]


@virtually
async def test_a_number_that_the_trunk_does_not_bring() -> None:
    carriers = Carriers()
    await carriers.call("4711")
    assert (await carriers.caller.expect(InviteProgress)).response.status == 183
    assert (await carriers.caller.expect(InviteFailed)).status == 404
    (record,) = await carriers.board.settled()
    assert record.reason == "invalid_number"


@pytest.mark.parametrize("number", ["9001;npdi", "9001;rn=+4930;npdi=yes"])
@virtually
async def test_parameters_of_a_number_are_no_part_of_it(number: str) -> None:
    carriers = Carriers()
    record = await carriers.answered(carriers.first, await carriers.call(number))
    assert (record.did, record.called_final) == ("9001", "9001")


@virtually
async def test_echo_for_a_trunk() -> None:
    carriers = Carriers()
    usage = await carriers.call("9005")
    await carriers.caller.expect(InviteAnswered)
    carriers.caller.hang_up(usage)
    (record,) = await carriers.board.settled()
    assert record.result == "answered"


@virtually
async def test_early_sound_of_a_carrier_then_its_failure() -> None:
    carriers = Carriers(peers=TWO_PEERS)
    usage = await carriers.call()
    call = await carriers.first.expect(InviteReceived)
    carriers.first.send(Respond(usage=call.usage, status=183, body=carriers.first.sdp))
    assert (await carriers.caller.expect(InviteProgress)).response.status == 183
    carriers.first.refuse(call, 503)
    record = await carriers.answered(carriers.second, usage)
    assert [leg.reason for leg in record.legs] == ["normal", "carrier_error", "normal"]


@virtually
async def test_forty_calls_at_once() -> None:
    carriers = Carriers()
    usages = [await carriers.call() for _ in range(40)]
    for _ in usages:
        carriers.first.answer(await carriers.first.expect(InviteReceived))
    for _ in usages:
        await carriers.caller.expect(InviteAnswered)
    await asyncio.sleep(1)
    for usage in usages:
        carriers.caller.hang_up(usage)
    records = await carriers.board.settled()
    assert [record.result for record in records] == ["answered"] * 40


def _invite(from_: str) -> bytes:
    body = sdp("10.0.1.1", 4000).decode()
    return (
        "INVITE sip:9001@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKodd\r\n"
        f"From: {from_};tag=odd\r\nTo: <sip:9001@10.0.0.1>\r\nCall-ID: odd\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:x@10.0.1.1>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@pytest.mark.parametrize(
    "from_",
    [
        "<sip:a%0d%0aX-Bad%3e%22%00%40@10.0.1.1>",
        '"a\\\0b" <sip:7@10.0.1.1>',
        '"\\"\\\\" <sip:7@10.0.1.1>',
        "<tel:+49%2030;phone-context=x>",
        "<sip:10.0.1.1>",
        '"\xff\u4e2d" <sip:\u4e2d@10.0.1.1>',
    ],
)
@virtually
async def test_callers_with_odd_names(from_: str) -> None:
    """Whatever a caller calls itself, its call comes through and writes no header fields of its own."""
    carriers = Carriers()
    carriers.board.network.carry(_invite(from_), carriers.caller.address, SERVER)
    call = await carriers.first.ringing()
    assert "x-bad" not in call.request.headers
    carriers.first.refuse(call, 486)
    (record,) = await carriers.board.settled()
    assert record.reason == "busy"

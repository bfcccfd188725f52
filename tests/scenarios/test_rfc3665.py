"""The call flows of RFC 3665 that a back-to-back user agent takes part in, message by message."""

from __future__ import annotations

import asyncio

import pytest

from media.sdp import parse_sdp
from sip.commands import Respond
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteCancelled, InviteFailed, ResponseReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually


class Flow:
    """Alice (1001) and Bob (1002) at the server, and what went over the wire."""

    def __init__(self) -> None:
        self.board = Switchboard(demo_snapshot())
        self.alice, self.bob = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")
        self._seen = 0

    async def registered(self) -> Flow:
        for phone in (self.alice, self.bob):
            assert (await phone.register()).response.status == 200
        self.messages()
        return self

    def messages(self) -> list[str]:
        """What was carried since the last look: `F1 INVITE alice > server` without the numbers."""
        names = {self.alice.address: "alice", self.bob.address: "bob", SERVER: "server"}
        rows, self._seen = self.board.network.carried[self._seen :], len(self.board.network.carried)
        return [f"{_what(data)} {names[source]} > {names[to]}" for _, source, to, data, _ in rows]


def _what(data: bytes) -> str:
    first, second, _ = data.decode().split(" ", 2)
    return second if first == "SIP/2.0" else first


CHALLENGE = ["INVITE alice > server", "401 server > alice", "ACK alice > server"]
OPENING = [
    *CHALLENGE,
    "INVITE alice > server",
    "100 server > alice",
    "INVITE server > bob",
]


async def talking(flow: Flow) -> tuple[int, int]:
    usage = await flow.alice.invite("1002")
    call = await flow.bob.ringing()
    flow.bob.answer(call)
    await flow.alice.expect(InviteAnswered)
    await flow.bob.expect(AckReceived)
    await asyncio.sleep(0.1)
    return usage, call.usage


@virtually
async def test_2_1_successful_new_registration() -> None:
    flow = Flow()
    assert (await flow.bob.register()).response.status == 200
    assert flow.messages() == [
        "REGISTER bob > server",
        "401 server > bob",
        "REGISTER bob > server",
        "200 server > bob",
    ]


async def contacts(phone: Phone, headers: tuple[tuple[str, str], ...]) -> list[str]:
    """Register with credentials; the bindings that the answer lists."""
    answer = await phone.ask_to_register(headers)
    assert answer.response.status == 401
    credentials = phone._credentials(answer, "REGISTER", "sip:demo.local")
    answer = await phone.ask_to_register((*headers, ("authorization", credentials)))
    assert answer.response.status == 200
    return [str(one.uri) for one in answer.response.contacts]


@virtually
async def test_2_2_to_2_4_update_ask_for_and_cancel_the_contact() -> None:
    flow = await Flow().registered()
    first, second = "sip:1002@10.0.0.12:5060", "sip:bob@10.0.0.12:5070"
    assert await contacts(flow.bob, (("contact", f"<{second}>"), ("expires", "3600"))) == [first, second]
    assert await contacts(flow.bob, ()) == [first, second], (
        "RFC 3261 §10.2.3: a REGISTER without Contact asks for the list"
    )
    assert await contacts(flow.bob, (("contact", "*"), ("expires", "0"))) == []


@virtually
async def test_2_5_unsuccessful_registration() -> None:
    flow = Flow()
    flow.bob.password = "not this one"
    assert (await flow.bob.register()).response.status == 401
    assert flow.messages() == ["REGISTER bob > server", "401 server > bob"] * 2


@virtually
async def test_3_1_successful_session() -> None:
    flow = await Flow().registered()
    _, incoming = await talking(flow)
    flow.bob.hang_up(incoming)
    await flow.alice.expect(ByeReceived)
    (record,) = await flow.board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "normal", "callee")
    assert flow.messages() == [
        *OPENING,
        "100 bob > server",
        "180 bob > server",
        "200 bob > server",
        "180 server > alice",
        "ACK server > bob",
        "200 server > alice",
        "ACK alice > server",
        "BYE bob > server",
        "200 server > bob",
        "BYE server > alice",
        "200 alice > server",
    ]


@virtually
async def test_3_7_session_with_reinvite_of_another_address() -> None:
    """The caller's sound moves; the server's own address towards the other side does not."""
    flow = await Flow().registered()
    usage, _ = await talking(flow)
    flow.messages()
    flow.alice.reinvite(usage, sdp("10.0.0.99", 6000))
    answer = await flow.alice.expect(ResponseReceived)
    while answer.response.status < 200:
        answer = await flow.alice.expect(ResponseReceived)
    assert parse_sdp(answer.response.body).media[0].port
    await asyncio.sleep(0.1)
    assert flow.messages() == [
        "INVITE alice > server",
        "100 server > alice",
        "200 server > alice",
        "ACK alice > server",
    ]
    flow.alice.hang_up(usage)
    await flow.bob.expect(ByeReceived)
    await flow.board.settled()


@virtually
async def test_3_8_unsuccessful_no_answer() -> None:
    flow = await Flow().registered()
    usage = await flow.alice.invite("1002")
    await flow.bob.ringing()
    await asyncio.sleep(5)
    flow.alice.cancel(usage)
    await flow.bob.expect(InviteCancelled)
    (record,) = await flow.board.settled()
    assert (record.result, record.reason) == ("abandoned", "caller_cancelled")
    assert flow.messages() == [
        *OPENING,
        "100 bob > server",
        "180 bob > server",
        "180 server > alice",
        "CANCEL alice > server",
        "200 server > alice",
        "487 server > alice",
        "CANCEL server > bob",
        "ACK alice > server",
        "200 bob > server",
        "487 bob > server",
        "ACK server > bob",
    ]


@pytest.mark.parametrize(
    ("status", "result", "reason"), [(486, "busy", "busy"), (480, "missed", "no_answer"), (603, "missed", "rejected")]
)
@virtually
async def test_3_9_and_3_11_unsuccessful_busy_or_unavailable(status: int, result: str, reason: str) -> None:
    flow = await Flow().registered()
    await flow.alice.invite("1002")
    call = await flow.bob.ringing()
    flow.bob.send(Respond(usage=call.usage, status=status))
    failed = await flow.alice.expect(InviteFailed)
    assert failed.status == status
    (record,) = await flow.board.settled()
    assert (record.result, record.reason) == (result, reason)
    assert flow.messages() == [
        *OPENING,
        "100 bob > server",
        "180 bob > server",
        f"{status} bob > server",
        "180 server > alice",
        "ACK server > bob",
        f"{status} server > alice",
        "ACK alice > server",
    ]


@virtually
async def test_3_10_unsuccessful_no_response() -> None:
    """The phone is gone: the INVITE is sent seven times, and the caller told after 64*T1."""
    flow = await Flow().registered()
    flow.bob.switch_off()
    await flow.alice.invite("1002")
    failed = await flow.alice.expect(InviteFailed, 120)
    assert failed.status == 480
    (record,) = await flow.board.settled()
    assert (record.result, record.reason) == ("missed", "offline")
    messages = flow.messages()
    assert messages[:5] == OPENING[:5]
    assert messages.count("INVITE server > bob") >= 6

"""The trace of a call in virtual time: the ladder, to the letter."""

from __future__ import annotations

import asyncio

from pbx.events import Envelope
from pbx.trace.block import block_places, unpack_block
from pbx.trace.story import tell
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteFailed, InviteProgress
from sip.flow import Address
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Switchboard
from tests.fakes.virtual_loop import virtually

ANSWERED = """\
     time      gap  caller 1001                       cordboard                         callee 1002
                    10.0.0.11:5060                    10.0.0.1:5060                     10.0.0.12:5060
    0.000   +0.000  |-- INVITE (1) ------------------>|                                 |  PCMU/PCMA/telephone-event at 10.0.0.11:4000 sendrecv
    0.000   +0.000  |<-- 100 Trying (1 INVITE) -------|                                 |
    0.000   +0.000  |                                 |-- INVITE (1) ------------------>|  PCMU/PCMA/telephone-event at 10.0.0.1:10002 sendrecv
    0.000   +0.000  |                                 * internal call of 1001 (device 1001) to 1002, tenant demo
    0.000   +0.000  |                                 * routed to extension 1002
    0.010   +0.010  |                                 |<-- 100 Trying (1 INVITE) -------|
    0.010   +0.000  |                                 |<-- 180 Ringing (1 INVITE) ------|
    0.010   +0.000  |<-- 180 Ringing (1 INVITE) ------|                                 |
    3.020   +3.010  |                                 |<-- 200 OK (1 INVITE) -----------|  PCMU/PCMA/telephone-event at 10.0.0.12:4000 sendrecv
    3.020   +0.000  |                                 |-- ACK (1) --------------------->|
    3.020   +0.000  |<-- 200 OK (1 INVITE) -----------|                                 |  PCMU/PCMA/telephone-event at 10.0.0.1:10000 sendrecv
    3.020   +0.000  |                                 * callee 1002 is up, PCMU
    3.020   +0.000  |                                 * caller 1001 is up, PCMU
    3.020   +0.000  |                                 * caller 1001 and callee 1002 hear each other
    3.030   +0.010  |-- ACK (1) --------------------->|                                 |
   13.030  +10.000  |-- BYE (2) --------------------->|                                 |
   13.030   +0.000  |<-- 200 OK (2 BYE) --------------|                                 |
   13.030   +0.000  |                                 |-- BYE (2) --------------------->|
   13.030   +0.000  |                                 * caller 1001 is down: normal, by caller, Q.850 16
   13.030   +0.000  |                                 * callee 1002 is down: normal, by caller, Q.850 16
   13.030   +0.000  |                                 * call over: answered, normal
   13.040   +0.010  |                                 |<-- 200 OK (2 BYE) --------------|
"""  # noqa: E501

AGAIN = """\
     time      gap  caller 1001                       cordboard                         callee 1002
                    10.0.0.11:5060                    10.0.0.1:5060                     10.0.0.12:5060
    0.000   +0.000  |-- INVITE (1) ------------------>|                                 |  PCMU/PCMA/telephone-event at 10.0.0.11:4000 sendrecv
    0.000   +0.000  |<-- 100 Trying (1 INVITE) -------|                                 |
    0.000   +0.000  |                                 |-- INVITE (1) ------------------>|  PCMU/PCMA/telephone-event at 10.0.0.1:10002 sendrecv
    0.000   +0.000  |                                 * internal call of 1001 (device 1001) to 1002, tenant demo
    0.000   +0.000  |                                 * routed to extension 1002
    0.501   +0.501  |                                 |-- INVITE (1) ------------------>|  again, PCMU/PCMA/telephone-event at 10.0.0.1:10002 sendrecv
    0.510   +0.009  |                                 |<-- 486 Busy Here (1 INVITE) ----|
    0.510   +0.000  |                                 |-- ACK (1) --------------------->|
    0.510   +0.000  |<-- 486 Busy Here (1 INVITE) ----|                                 |
    0.510   +0.000  |                                 * callee 1002 is down: busy, by callee, SIP 486, Q.850 17
    0.510   +0.000  |                                 * caller 1001 is down: busy, by callee, SIP 486, Q.850 17
    0.510   +0.000  |                                 * call over: busy, busy
    0.511   +0.001  |                                 |<-- 486 Busy Here (1 INVITE) ----|  again
    0.511   +0.000  |                                 |-- ACK (1) --------------------->|  again
    0.520   +0.009  |-- ACK (1) --------------------->|                                 |
"""  # noqa: E501


def story(board: Switchboard) -> list[str]:
    """The ladder of the only call."""
    _, data = board.tracer.take()
    messages = [message for begin, end in block_places(data) for message in unpack_block(data, begin, end)]
    events: list[Envelope] = [one for one in board.journal.memory.envelopes if hasattr(one.event, "call")]
    return tell(messages, events)


@virtually
async def test_a_call_that_was_answered() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ben.register()
    usage = await ann.invite("1002")
    incoming = await ben.ringing()
    await ann.expect(InviteProgress)
    await asyncio.sleep(3)
    ben.answer(incoming)
    await ann.expect(InviteAnswered)
    await ben.expect(AckReceived)
    await asyncio.sleep(10)
    ann.hang_up(usage)
    await ben.expect(ByeReceived)
    await board.settled()
    assert "\n".join(story(board)) + "\n" == ANSWERED


@virtually
async def test_messages_that_were_lost_come_again() -> None:
    """The phone's 100 and 180 are lost, it is busy after a while; its refusal is lost once."""
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ben.register()
    lost: set[bytes] = set()

    def lose(source: Address, to: Address, data: bytes) -> bool:
        fresh = to == SERVER and source == ben.address and data not in lost
        lost.add(data)
        return fresh

    board.network.lose = lose
    await ann.invite("1002")
    ben.refuse(await ben.ringing(), 486)
    assert (await ann.expect(InviteFailed)).status == 486
    await board.settled()
    assert "\n".join(story(board)) + "\n" == AGAIN

"""Hold: who is held hears music, who holds hears nothing; the records count it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from media.port_state import PortState
from pbx.events import LegHeld, LegResumed
from sip.events import AckReceived, ByeReceived, InviteAnswered, ReinviteReceived, ResponseReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually


class Talk:
    """Ann has called Ben; both talk."""

    def __init__(self, hold_source: str = "music") -> None:
        snapshot = demo_snapshot()
        demo = replace(snapshot.tenants["demo"], hold_source=hold_source)
        self.board = Switchboard(replace(snapshot, tenants={**snapshot.tenants, "demo": demo}))
        self.ann, self.ben = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")
        self.usage = self.incoming = 0

    async def up(self) -> Talk:
        for phone in (self.ann, self.ben):
            assert (await phone.register()).response.status == 200
        self.usage = await self.ann.invite("1002")
        call = await self.ben.ringing()
        self.incoming = call.usage
        self.ben.answer(call)
        await self.ann.expect(InviteAnswered)
        await self.ben.expect(AckReceived)
        await asyncio.sleep(1)
        return self

    async def reoffer(self, phone: Phone, direction: str, host: str | None = None) -> int:
        usage = self.usage if phone is self.ann else self.incoming
        phone.reinvite(usage, sdp(host or phone.address[0], 4000, direction=direction))
        while True:
            response = (await phone.expect(ResponseReceived)).response
            if response.status >= 200:
                await asyncio.sleep(1)
                return response.status

    def port(self, phone: Phone) -> PortState:
        """What the server's port towards a phone does."""
        states = [state for state in self.board.media.states.values() if state is not None and state.remote_rtp]
        (state,) = [state for state in states if state.remote_rtp == (phone.address[0], 4000)]
        return state


@pytest.mark.parametrize(
    ("direction", "host"), [("sendonly", None), ("inactive", None), ("sendrecv", "0.0.0.0"), ("sendonly", "0.0.0.0")]
)
@virtually
async def test_music_until_the_call_is_taken_back(direction: str, host: str | None) -> None:
    talk = await Talk().up()
    assert await talk.reoffer(talk.ann, direction, host) == 200
    heard = talk.port(talk.ben).player
    assert heard is not None
    assert heard.plays is None
    holder = [state for state in talk.board.media.states.values() if state is not None and state.relay_to is None]
    assert len(holder) == 1, "what the holder sends goes nowhere"
    await asyncio.sleep(9)
    assert await talk.reoffer(talk.ann, "sendrecv") == 200
    assert talk.port(talk.ben).player is None
    assert talk.port(talk.ann).relay_to is not None
    kinds = [type(event) for event in talk.board.journal.events() if isinstance(event, LegHeld | LegResumed)]
    assert kinds == [LegHeld, LegResumed]
    assert not [event for event in talk.ben.events if isinstance(event, ReinviteReceived)]
    talk.ben.hang_up(talk.incoming)
    await talk.ann.expect(ByeReceived)
    (record,) = await talk.board.settled()
    assert (record.hold_count, record.reason) == (1, "normal")
    assert 10_000 <= record.hold_ms <= 10_100
    assert [leg.hold_count for leg in record.legs] == [1, 0]


@virtually
async def test_both_hold_and_a_hang_up_ends_the_hold() -> None:
    talk = await Talk().up()
    assert await talk.reoffer(talk.ann, "sendonly") == 200
    assert await talk.reoffer(talk.ben, "sendonly") == 200
    assert not talk.port(talk.ben).send, "who holds hears nothing, not even music"
    assert await talk.reoffer(talk.ann, "sendrecv") == 200
    assert talk.port(talk.ann).player is not None, "the other still holds"
    talk.ann.hang_up(talk.usage)
    await talk.ben.expect(ByeReceived)
    (record,) = await talk.board.settled()
    assert record.hold_count == 2
    assert all(leg.hold_ms > 0 for leg in record.legs)


@pytest.mark.parametrize("source", ["silence", "device"])
@virtually
async def test_other_sources_of_hold(source: str) -> None:
    talk = await Talk(source).up()
    assert await talk.reoffer(talk.ann, "sendonly") == 200
    assert talk.port(talk.ben).player is None
    relays = [state for state in talk.board.media.states.values() if state is not None and state.relay_to is not None]
    assert len(relays) == (2 if source == "device" else 1)
    talk.ann.hang_up(talk.usage)
    await talk.ben.expect(ByeReceived)
    assert (await talk.board.settled())[0].hold_count == 1


@virtually
async def test_who_only_listens_does_not_hold() -> None:
    talk = await Talk().up()
    assert await talk.reoffer(talk.ann, "recvonly") == 200
    assert talk.port(talk.ben).player is None
    talk.ann.hang_up(talk.usage)
    await talk.ben.expect(ByeReceived)
    assert (await talk.board.settled())[0].hold_count == 0

"""Supervision: a third phone hears a call of two, whose phones are told nothing."""

from __future__ import annotations

import asyncio

import pytest

from media.event import DigitReceived
from media.mix_state import Mix
from media.port_state import PortState
from pbx.events import SupervisionChanged, SupervisionEnded
from pbx.inbox import Errand
from pbx.session import Session
from pbx.supervision import CannotSupervise, Mode, Supervision
from pbx.targets import extension_targets
from sip.commands import Respond
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteCancelled, InviteReceived, ReinviteReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually


class Talk:
    """Ann talks with Ben; Cat may hear them."""

    def __init__(self) -> None:
        self.board = Switchboard(demo_snapshot())
        self.ann, self.ben, self.cat = (self.board.phone(f"100{n}", f"10.0.0.1{n}") for n in (1, 2, 3))
        self.usage = self.incoming = self.heard = 0
        self.refused = ""

    async def up(self) -> Talk:
        for phone in (self.ann, self.ben, self.cat):
            await phone.register()
        self.usage = await self.ann.invite("1002")
        call = await self.ben.ringing()
        self.incoming = call.usage
        self.ben.answer(call)
        await self.ann.expect(InviteAnswered)
        await self.ben.expect(AckReceived)
        await asyncio.sleep(1)
        return self

    @property
    def session(self) -> Session:
        (session,) = self.board.node.sessions
        assert isinstance(session, Session)
        return session

    async def supervise(self, mode: Mode, number: str = "1003") -> None:
        session, node = self.session, self.board.node

        def act() -> None:
            extension = session.tenant.extension(number)
            assert extension is not None
            try:
                found = extension_targets(node.location, session.tenant, extension, node.clock.now())
                Supervision(session, number, mode, "tests").ring(found)
            except CannotSupervise as error:
                self.refused = str(error)

        session.post(Errand(act))
        await asyncio.sleep(0.1)

    async def hear(self, mode: Mode) -> None:
        await self.supervise(mode)
        call = await self.cat.ringing()
        self.heard = call.usage
        self.cat.answer(call)
        await self.cat.expect(AckReceived)
        await asyncio.sleep(1)

    def port(self, phone: Phone) -> tuple[int, PortState]:
        states = [(number, state) for number, state in self.board.media.states.items() if state is not None]
        (found,) = [one for one in states if one[1].remote_rtp == (phone.address[0], 4000)]
        return found

    def mix(self, phone: Phone) -> Mix:
        mix = self.port(phone)[1].mix
        assert mix is not None
        return mix

    def matrix(self) -> dict[str, set[str]]:
        """Who hears whom, by the states of the ports."""
        phones = {"ann": self.ann, "ben": self.ben, "cat": self.cat}
        heard: dict[str, set[str]] = {}
        for name, phone in phones.items():
            excepted = dict(self.mix(phone).hears)
            heard[name] = {
                other
                for other, its in phones.items()
                if other != name and excepted.get(self.port(its)[0], -60.0 if self.mix(its).muted else 0.0) > -60.0
            }
        return heard

    def relayed(self) -> bool:
        return all(self.port(phone)[1].relay_to is not None for phone in (self.ann, self.ben))


LISTEN = {"ann": {"ben"}, "ben": {"ann"}, "cat": {"ann", "ben"}}
WHISPER = {"ann": {"ben"}, "ben": {"ann", "cat"}, "cat": {"ann", "ben"}}
BARGE = {"ann": {"ben", "cat"}, "ben": {"ann", "cat"}, "cat": {"ann", "ben"}}


@virtually
async def test_listen_whisper_barge_and_back_to_the_relay() -> None:
    talk = await Talk().up()
    assert talk.relayed()
    await talk.hear(Mode.LISTEN)
    assert talk.matrix() == LISTEN
    number = talk.port(talk.cat)[0]
    for key, expected in (("5", WHISPER), ("6", BARGE), ("4", LISTEN)):
        talk.board.node.on_media(DigitReceived(port_id=number, revision=1, digit=key, duration_ms=100))
        await asyncio.sleep(0.1)
        assert talk.matrix() == expected
    talk.cat.hang_up(talk.heard)
    await asyncio.sleep(1)
    assert talk.relayed()
    assert not any(isinstance(event, ReinviteReceived) for phone in (talk.ann, talk.ben) for event in phone.events)
    talk.ann.hang_up(talk.usage)
    await talk.ben.expect(ByeReceived)
    (record,) = await talk.board.settled()
    assert (record.result, [leg.kind for leg in record.legs]) == ("answered", ["caller", "callee", "supervisor"])
    modes = [event.mode for event in talk.board.journal.events(SupervisionChanged)]  # type: ignore[attr-defined]
    assert modes == ["listen", "whisper", "barge", "listen"]
    assert len(talk.board.journal.events(SupervisionEnded)) == 1


@pytest.mark.parametrize("first", ["ann", "ben"])
@virtually
async def test_it_ends_with_the_call(first: str) -> None:
    talk = await Talk().up()
    await talk.hear(Mode.BARGE)
    if first == "ann":
        talk.ann.hang_up(talk.usage)
    else:
        talk.ben.hang_up(talk.incoming)
    await talk.cat.expect(ByeReceived)
    await talk.board.settled()
    assert len(talk.board.journal.events(SupervisionEnded)) == 1


@virtually
async def test_the_supervisor_does_not_answer_or_is_busy() -> None:
    talk = await Talk().up()
    await talk.supervise(Mode.LISTEN)
    await talk.cat.ringing()
    await talk.cat.expect(InviteCancelled)
    await talk.supervise(Mode.LISTEN)
    call = await talk.cat.expect(InviteReceived)
    talk.cat.send(Respond(usage=call.usage, status=486))
    await asyncio.sleep(1)
    assert talk.session.supervision is None
    assert talk.relayed()
    talk.ann.hang_up(talk.usage)
    await talk.ben.expect(ByeReceived)
    await talk.board.settled()
    heard = [event.heard for event in talk.board.journal.events(SupervisionEnded)]  # type: ignore[attr-defined]
    assert heard == [False, False]


@virtually
async def test_what_cannot_be_heard() -> None:
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    usage = await ann.invite("*60")
    await ann.expect(InviteAnswered)
    (session,) = board.node.sessions
    assert isinstance(session, Session)
    with pytest.raises(CannotSupervise, match="not one of two that talk"):
        Supervision(session, "1003", Mode.LISTEN, "tests")
    ann.hang_up(usage)
    await board.settled()

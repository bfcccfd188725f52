"""Keys in a call: each leg says and hears them in its own form."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from media.event import DigitReceived, DigitsSent
from media.port_state import PortState
from pbx.digits import WAITING
from pbx.snapshot import Snapshot
from sip.commands import Respond, SendInDialog
from sip.events import AckReceived, ByeReceived, DialogRequest, InviteAnswered, ResponseReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually

RELAY = "application/dtmf-relay"
PLAIN = ((0, "PCMU/8000"), (8, "PCMA/8000"))
WITH_EVENTS = (*PLAIN, (101, "telephone-event/8000"))
OTHER_EVENTS = (*PLAIN, (97, "telephone-event/8000"))


class Talk:
    """Ann calls Ben; each speaks the formats given."""

    def __init__(
        self, ann: tuple[tuple[int, str], ...], ben: tuple[tuple[int, str], ...], snapshot: Snapshot | None = None
    ) -> None:
        self.board = Switchboard(snapshot or demo_snapshot())
        self.ann, self.ben = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")
        self.ann.sdp, self.ben.sdp = sdp("10.0.0.11", 4000, *ann), sdp("10.0.0.12", 4000, *ben)
        self.usage = self.incoming = 0

    async def up(self) -> Talk:
        for phone in (self.ann, self.ben):
            await phone.register()
        self.usage = await self.ann.invite("1002")
        call = await self.ben.ringing()
        self.incoming = call.usage
        self.ben.answer(call)
        await self.ann.expect(InviteAnswered)
        await self.ben.expect(AckReceived)
        await asyncio.sleep(1)
        return self

    def port(self, host: str) -> int:
        """The port whose far end is at a host."""
        states = self.board.media.states
        return next(number for number, state in states.items() if state and state.remote_rtp == (host, 4000))

    def state(self, host: str) -> PortState:
        state = self.board.media.states[self.port(host)]
        assert state is not None
        return state

    def press(self, host: str, digits: str) -> None:
        """Events of the media engine: the phone at a host pressed keys."""
        for digit in digits:
            event = DigitReceived(port_id=self.port(host), revision=1, digit=digit, duration_ms=120)
            self.board.node.on_media(event)

    async def info(self, phone: Phone, usage: int, body: bytes, kind: str = RELAY) -> int:
        phone.send(SendInDialog(usage=usage, method="INFO", body=body, content_type=kind))
        return (await phone.expect(ResponseReceived)).response.status

    async def hears_info(self, phone: Phone, status: int = 200) -> bytes:
        """The body of the next INFO that a phone gets, which it answers."""
        event = await phone.expect(DialogRequest)
        assert event.request.method == "INFO"
        assert event.request.headers.get("content-type") == RELAY
        phone.send(Respond(tx=event.tx, status=status))
        return event.request.body

    def dialled(self, host: str) -> list[tuple[str, int, int]]:
        number = self.port(host)
        sent = [digits for port, digits in self.board.media.dialled if port == number]
        return [(digits.digits, digits.payload_type, digits.duration_ms) for digits in sent]

    async def end(self) -> None:
        self.ann.hang_up(self.usage)
        await self.ben.expect(ByeReceived)
        (record,) = await self.board.settled()
        assert (record.result, record.reason) == ("answered", "normal")


@virtually
async def test_events_pass_between_legs_that_have_them() -> None:
    talk = await Talk(WITH_EVENTS, OTHER_EVENTS).up()
    for host in ("10.0.0.11", "10.0.0.12"):
        assert talk.state(host).digits == "pass"
    assert (101, 101) in talk.state("10.0.0.11").payload_map or (101, 97) in talk.state("10.0.0.11").payload_map
    await talk.end()


@virtually
async def test_events_become_info_for_a_leg_without_them() -> None:
    talk = await Talk(WITH_EVENTS, PLAIN).up()
    assert talk.state("10.0.0.11").digits == "withhold"
    talk.press("10.0.0.11", "12#")
    bodies = [await talk.hears_info(talk.ben) for _ in range(3)]
    assert bodies == [b"Signal=%s\r\nDuration=120\r\n" % digit for digit in (b"1", b"2", b"#")]
    await talk.end()


@virtually
async def test_info_becomes_events_for_a_leg_that_has_them() -> None:
    talk = await Talk(WITH_EVENTS, PLAIN).up()
    # The next key while the last one is still being sent: it waits.
    for digit in (b"4", b"11"):
        body = b"Signal=%s\r\nDuration=200\r\n" % digit
        assert await talk.info(talk.ben, talk.incoming, body) == 200
    await asyncio.sleep(1)
    assert talk.dialled("10.0.0.11") == [("4", 101, 200), ("#", 101, 200)]
    assert talk.state("10.0.0.11").send_digits is None
    await talk.end()


@virtually
async def test_a_callee_with_events_hears_the_keys_of_a_caller_without() -> None:
    talk = await Talk(PLAIN, OTHER_EVENTS).up()
    assert await talk.info(talk.ann, talk.usage, b"Signal=9\r\nDuration=300\r\n") == 200
    await asyncio.sleep(1)
    assert talk.dialled("10.0.0.12") == [("9", 97, 300)]
    talk.press("10.0.0.12", "8")
    assert await talk.hears_info(talk.ann) == b"Signal=8\r\nDuration=120\r\n"
    await talk.end()


@virtually
async def test_info_stays_info_between_legs_without_events() -> None:
    talk = await Talk(PLAIN, PLAIN).up()
    assert await talk.info(talk.ann, talk.usage, b"7", "application/dtmf") == 200
    assert await talk.hears_info(talk.ben) == b"Signal=7\r\nDuration=160\r\n"
    await talk.end()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"Signal=no", RELAY, 400),
        (b"Duration=5", RELAY, 400),
        (b"hello", "text/plain", 415),
        (b"\xff" * 3000, RELAY, 400),
    ],
)
@virtually
async def test_an_info_that_is_no_key_changes_nothing(body: bytes, kind: str, status: int) -> None:
    talk = await Talk(WITH_EVENTS, WITH_EVENTS).up()
    assert await talk.info(talk.ann, talk.usage, body, kind) == status
    assert not talk.board.media.dialled
    await talk.end()


@virtually
async def test_an_info_package_is_refused() -> None:
    talk = await Talk(WITH_EVENTS, WITH_EVENTS).up()
    command = SendInDialog(
        usage=talk.usage, method="INFO", body=b"Signal=5", content_type=RELAY, headers=(("info-package", "dtmf"),)
    )
    talk.ann.send(command)
    assert (await talk.ann.expect(ResponseReceived)).response.status == 469
    await talk.end()


@virtually
async def test_a_leg_that_refuses_info_is_not_asked_again() -> None:
    talk = await Talk(WITH_EVENTS, PLAIN).up()
    talk.press("10.0.0.11", "123")
    await talk.hears_info(talk.ben, 415)
    await asyncio.sleep(1)
    talk.press("10.0.0.11", "4")
    await asyncio.sleep(1)
    assert not [event for event in talk.ben.events if isinstance(event, DialogRequest)]
    await talk.end()


@virtually
async def test_keys_for_a_leg_on_hold_are_dropped() -> None:
    talk = await Talk(WITH_EVENTS, PLAIN).up()
    talk.ben.reinvite(talk.incoming, sdp("10.0.0.12", 4000, *PLAIN, direction="sendonly"))
    await asyncio.sleep(1)
    talk.press("10.0.0.11", "1")
    await asyncio.sleep(1)
    assert not [event for event in talk.ben.events if isinstance(event, DialogRequest)]
    talk.ben.reinvite(talk.incoming, talk.ben.sdp)
    await asyncio.sleep(1)
    talk.press("10.0.0.11", "2")
    assert b"Signal=2" in await talk.hears_info(talk.ben)
    await talk.end()


@virtually
async def test_more_keys_than_a_leg_can_take_are_dropped() -> None:
    talk = await Talk(WITH_EVENTS, PLAIN).up()
    talk.press("10.0.0.11", "5" * (WAITING + 20))
    for _ in range(WAITING + 1):
        await talk.hears_info(talk.ben)
    await asyncio.sleep(1)
    assert not [event for event in talk.ben.events if isinstance(event, DialogRequest)]
    await talk.end()


@virtually
async def test_keys_without_another_leg_are_kept_for_the_verb_that_collects() -> None:
    talk = Talk(WITH_EVENTS, PLAIN)
    await talk.ann.register()
    usage = await talk.ann.invite("*60")
    await talk.ann.expect(InviteAnswered)
    await asyncio.sleep(1)
    assert talk.state("10.0.0.11").digits == "pass"
    assert await talk.info(talk.ann, usage, b"Signal=3\r\n") == 200
    (leg,) = talk.board.node._legs.values()
    assert leg.digits is not None
    (press,) = leg.digits.pressed
    assert (press.digit, press.duration_ms, press.source) == ("3", 160, "info")
    talk.ann.hang_up(usage)
    await talk.board.settled()


def with_dtmf(**forms: str) -> Snapshot:
    """The demo, in which phones of some extensions send and take keys in another way."""
    snapshot = demo_snapshot()
    tenant = snapshot.tenants["demo"]
    devices = dict(tenant.devices)
    for extension, form in forms.items():
        devices[extension[1:]] = replace(devices[extension[1:]], dtmf=form)
    return replace(snapshot, tenants={**snapshot.tenants, "demo": replace(tenant, devices=devices)})


@virtually
async def test_a_phone_with_tones_only_hears_the_key_through_the_mixer() -> None:
    talk = Talk(WITH_EVENTS, PLAIN, with_dtmf(e1002="inband"))
    await talk.up()
    assert talk.state("10.0.0.12").detect == ("dtmf",)
    assert talk.state("10.0.0.12").mix is None
    talk.board.node.on_media(DigitReceived(port_id=talk.port("10.0.0.11"), revision=1, digit="5", duration_ms=120))
    await asyncio.sleep(0.01)
    sending = talk.state("10.0.0.12").send_digits
    assert sending is not None
    assert (sending.digits, sending.duration_ms, sending.tones) == ("5", 120, True)
    rooms = {talk.state(host).mix for host in ("10.0.0.11", "10.0.0.12")}
    assert len({mix.room for mix in rooms if mix is not None}) == 1
    talk.board.node.on_media(DigitsSent(port_id=talk.port("10.0.0.12"), revision=1, digits_id=sending.id))
    await asyncio.sleep(0.01)
    assert talk.state("10.0.0.12").mix is None
    assert talk.state("10.0.0.12").relay_to == talk.port("10.0.0.11")
    await talk.end()


@virtually
async def test_a_tone_that_is_heard_becomes_an_event() -> None:
    talk = Talk(PLAIN, WITH_EVENTS, with_dtmf(e1001="inband"))
    await talk.up()
    talk.board.node.on_media(DigitReceived(port_id=talk.port("10.0.0.11"), revision=1, digit="#", duration_ms=80))
    await asyncio.sleep(0.01)
    sending = talk.state("10.0.0.12").send_digits
    assert sending is not None
    assert (sending.digits, sending.payload_type, sending.tones) == ("#", 101, False)
    await talk.end()


@virtually
async def test_who_shall_get_events_only_and_has_none_gets_nothing() -> None:
    talk = Talk(WITH_EVENTS, PLAIN, with_dtmf(e1002="rfc4733"))
    await talk.up()
    talk.board.node.on_media(DigitReceived(port_id=talk.port("10.0.0.11"), revision=1, digit="1", duration_ms=100))
    await asyncio.sleep(0.01)
    assert talk.state("10.0.0.12").send_digits is None
    await talk.end()

"""Legs that fall silent: when a call ends for want of sound, and when it does not."""

from __future__ import annotations

import asyncio

import pytest

from media.event import PortHeard, PortSilent
from pbx.media_watch import MediaWatch
from sip.events import ByeReceived, InviteAnswered
from tests.fakes.switchboard import sdp
from tests.fakes.virtual_loop import virtually
from tests.scenarios.test_digits import PLAIN, WITH_EVENTS, Talk

CN = (*PLAIN, (13, "CN/8000"))
G729 = ((18, "G729/8000"),)
G729_NO_PAUSES = (*G729, (101, "telephone-event/8000"))
HOUR_MS = 3_600_000


def silent(talk: Talk, host: str, silent_ms: int) -> None:
    talk.board.node.on_media(PortSilent(port_id=talk.port(host), revision=1, silent_ms=silent_ms))


@virtually
async def test_a_silent_leg_ends_the_call() -> None:
    talk = await Talk(WITH_EVENTS, PLAIN).up()
    assert [talk.state(host).silence_ms for host in ("10.0.0.11", "10.0.0.12")] == [60_000, 60_000]
    silent(talk, "10.0.0.12", 60_010)
    for phone in (talk.ann, talk.ben):
        bye = await phone.expect(ByeReceived)
        assert 'text="media_timeout"' in (bye.request.headers.get("reason") or "")
    (record,) = await talk.board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "media_timeout", "system")


@virtually
async def test_sound_that_comes_back_changes_nothing() -> None:
    talk = await Talk(PLAIN, PLAIN).up()
    talk.board.node.on_media(PortHeard(port_id=talk.port("10.0.0.12"), revision=1))
    await asyncio.sleep(1)
    await talk.end()


@virtually
async def test_before_the_answer_nobody_is_watched() -> None:
    talk = Talk(PLAIN, PLAIN)
    for phone in (talk.ann, talk.ben):
        await phone.register()
    talk.usage = await talk.ann.invite("1002")
    await talk.ben.ringing()
    assert all(state is None or state.silence_ms is None for state in talk.board.media.states.values())
    talk.ann.cancel(talk.usage)
    await talk.board.settled()


@pytest.mark.parametrize(("direction", "expected"), [("sendonly", HOUR_MS), ("inactive", None), ("recvonly", None)])
@virtually
async def test_a_leg_on_hold_may_be_silent_for_longer(direction: str, expected: int | None) -> None:
    talk = await Talk(PLAIN, PLAIN).up()
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, *PLAIN, direction=direction))
    await asyncio.sleep(1)
    assert talk.state("10.0.0.11").silence_ms == expected
    assert talk.state("10.0.0.12").silence_ms == 60_000
    # Told a moment before the hold reached the port.
    silent(talk, "10.0.0.11", 60_010)
    await asyncio.sleep(1)
    talk.ann.reinvite(talk.usage, talk.ann.sdp)
    await asyncio.sleep(1)
    assert talk.state("10.0.0.11").silence_ms == 60_000
    await talk.end()


@pytest.mark.parametrize(("formats", "expected"), [(CN, HOUR_MS), (G729, HOUR_MS), (G729_NO_PAUSES, 60_000)])
@virtually
async def test_a_leg_whose_silence_need_not_be_sent_may_pause(
    formats: tuple[tuple[int, str], ...], expected: int
) -> None:
    talk = Talk(formats, formats)
    for phone in (talk.ann, talk.ben):
        if formats is G729_NO_PAUSES:
            phone.sdp += b"a=fmtp:18 annexb=no\r\n"
    await talk.up()
    assert [talk.state(host).silence_ms for host in ("10.0.0.11", "10.0.0.12")] == [expected, expected]
    await talk.end()


@virtually
async def test_an_echo_is_watched_like_any_leg() -> None:
    talk = Talk(CN, PLAIN)
    await talk.ann.register()
    await talk.ann.invite("*60")
    await talk.ann.expect(InviteAnswered)
    await asyncio.sleep(1)
    assert talk.state("10.0.0.11").silence_ms == HOUR_MS
    silent(talk, "10.0.0.11", HOUR_MS)
    await talk.ann.expect(ByeReceived)
    (record,) = await talk.board.settled()
    assert (record.reason, record.hangup_party) == ("media_timeout", "system")


@virtually
async def test_the_watch_can_be_switched_off() -> None:
    talk = Talk(PLAIN, PLAIN)
    talk.board.node.media_watch = MediaWatch(rtp_timeout_s=0, hold_timeout_s=0)
    await talk.up()
    assert talk.state("10.0.0.11").silence_ms is None
    silent(talk, "10.0.0.11", 10**9)
    await asyncio.sleep(1)
    await talk.end()

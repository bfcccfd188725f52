"""Verbs of sound and keys, in whole calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from media.event import DigitReceived
from media.port_state import Player
from media.ready_file import ReadyFile
from pbx.control import CallControl
from pbx.events import SpeechFailed
from pbx.key_entry import Ended, Entry, KeyRules
from pbx.session import Session
from pbx.speech.request import SpeechError
from pbx.speech.voice import Voice
from pbx.verbs.playing import Playback, Played
from sip.commands import SendInDialog
from sip.events import ByeReceived, InviteAnswered
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually

Script = Callable[[CallControl], Awaitable[None]]


class Runner:
    """Runs a function in place of the dialplan."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def run(self, session: Session) -> None:
        control = CallControl(session)
        control.answer()
        await self._script(control)


class Stage:
    """Ann's call, which a script of the test's treats."""

    def __init__(self, script: Script) -> None:
        self.board = Switchboard(demo_snapshot())
        self.board.ingress._runner = Runner(script)
        self.ann: Phone = self.board.phone("1001", "10.0.0.11")
        self.usage = 0

    async def up(self) -> Stage:
        self.usage = await self.ann.invite("anything")
        await self.ann.expect(InviteAnswered)
        return self

    def press(self, digits: str) -> None:
        (port,) = self.board.media.states
        for digit in digits:
            self.board.node.on_media(DigitReceived(port_id=port, revision=1, digit=digit, duration_ms=120))

    def player(self) -> Player | None:
        (state,) = self.board.media.states.values()
        return None if state is None else state.player

    async def end(self) -> None:
        await self.ann.expect(ByeReceived)
        (record,) = await self.board.settled()
        assert record.result == "answered"


@virtually
async def test_ones_own_number() -> None:
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    await ann.invite("*62")
    await ann.expect(InviteAnswered)
    (state,) = board.media.states.values()
    assert state is not None
    assert state.player is not None
    names = [path.removeprefix("/nowhere/en/") for path in (state.player.path, *state.player.more)]
    assert names == ["your-number-is.raw", *(f"number-{digit}.raw" for digit in "1001")]
    assert state.player.plays == 2
    await ann.expect(ByeReceived)
    (record,) = await board.settled()
    assert (record.result, record.reason) == ("answered", "normal")


@virtually
async def test_a_key_ends_a_prompt_and_is_collected() -> None:
    found: list[object] = []

    async def script(control: CallControl) -> None:
        found.append(await control.play(("welcome", "welcome"), None, barge_in=True))
        found.append(await control.collect(KeyRules(max=3)))

    stage = await Stage(script).up()
    await asyncio.sleep(0.5)
    assert stage.player() is not None
    stage.press("4")
    await asyncio.sleep(0.1)
    assert stage.player() is None
    body = b"Signal=5\r\nDuration=100\r\n"
    stage.ann.send(SendInDialog(usage=stage.usage, method="INFO", body=body, content_type="application/dtmf-relay"))
    await asyncio.sleep(0.1)
    stage.press("#")
    await stage.end()
    assert found == [Played.KEY, Entry(digits="45", ended=Ended.COMPLETE)]


@pytest.mark.parametrize(
    ("barge_in", "keys", "digits"), [(True, "12", "12"), (False, "12", ""), (True, "1", "1"), (True, "", "")]
)
@virtually
async def test_keys_while_the_prompt_plays(barge_in: bool, keys: str, digits: str) -> None:
    found: list[Entry] = []

    async def script(control: CallControl) -> None:
        found.append(await control.collect(KeyRules(max=2), ["welcome"], barge_in=barge_in))

    stage = await Stage(script).up()
    await asyncio.sleep(0.5)
    began = stage.board.loop.time()
    stage.press(keys)
    await stage.end()
    ended = {"12": Ended.COMPLETE, "1": Ended.COMPLETE, "": Ended.TIMEOUT}[digits]
    assert found == [Entry(digits=digits, ended=ended)]
    assert stage.board.loop.time() > began


@virtually
async def test_pause_and_seek() -> None:
    starts: list[int] = []

    async def script(control: CallControl) -> None:
        session = control._session
        playback = control.playback(["welcome"])
        assert isinstance(playback, Playback)
        playback.start()
        await session.next(session.node.clock.now() + 0.4)
        playback.pause()
        assert control.caller.player is None
        await session.next(session.node.clock.now() + 5.0)
        playback.resume()
        for step_ms in (600, -2000):
            assert control.caller.player is not None
            starts.append(control.caller.player.start_ms)
            playback.seek(playback.position_ms + step_ms)
        assert control.caller.player is not None
        starts.append(control.caller.player.start_ms)
        playback.stop()

    stage = await Stage(script).up()
    await stage.end()
    assert starts == [400, 1000, 0]


@virtually
async def test_a_number_is_said_and_loudness_is_of_g711() -> None:
    seen: list[Player | None] = []

    async def script(control: CallControl) -> None:
        playback = control.playback(["welcome"], gain_db=-6.0, start_ms=200)
        assert playback is not None
        playback.start()
        seen.append(control.caller.player)
        playback.stop()
        assert await control.say("digits", "42") is Played.FINISHED

    stage = await Stage(script).up()
    await stage.end()
    (player,) = seen
    assert player is not None
    assert (player.gain_db, player.start_ms) == (-6.0, 200)


class Speaker:
    """An engine that takes a second, or fails."""

    def __init__(self, fails: bool) -> None:
        self._fails = fails
        self.asked: list[tuple[list[str], str, list[str]]] = []

    async def speak(
        self, texts: Sequence[str], language: str, codecs: Sequence[str], voice: Voice | None = None
    ) -> list[dict[str, ReadyFile]]:
        self.asked.append((list(texts), language, list(codecs)))
        await asyncio.sleep(1.0)
        if self._fails:
            raise SpeechError("the engine has lost its voice")
        ready = ReadyFile(path="/spoken.raw", duration_ms=500, frame_bytes=160, samples_per_frame=160, ptime_ms=20)
        return [{"pcmu": ready} for _ in texts]


@pytest.mark.parametrize("fails", [False, True])
@virtually
async def test_a_text_is_spoken_or_the_flow_goes_on(fails: bool) -> None:
    heard: list[str] = []

    async def script(control: CallControl) -> None:
        speaker = control._session.node.speech = Speaker(fails)
        assert await control.speak("Hello ${name}.", {"name": "Ann"}, fallback="welcome") is Played.FINISHED
        expected = Played.UNHEARD if fails else Played.FINISHED
        assert await control.speak("Bye.") is expected
        assert speaker.asked[0] == (["Hello Ann."], "en", ["pcma", "pcmu"])
        heard.append("all")

    stage = await Stage(script).up()
    await asyncio.sleep(1.5)
    player = stage.player()
    assert player is not None
    assert player.path == ("/nowhere/en/welcome.raw" if fails else "/spoken.raw")
    await stage.end()
    assert heard == ["all"]
    assert len(stage.board.journal.events(SpeechFailed)) == (2 if fails else 0)


@virtually
async def test_who_hangs_up_waits_for_no_engine() -> None:
    async def script(control: CallControl) -> None:
        control._session.node.speech = Speaker(False)
        await control.speak("Hello.")

    stage = await Stage(script).up()
    await asyncio.sleep(0.5)
    stage.ann.hang_up(stage.usage)
    (record,) = await stage.board.settled()
    assert (record.result, record.reason) == ("answered", "normal")

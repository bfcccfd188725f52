"""Recording: which calls are, what their ports are told, and who may begin, pause and end it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.event import TapFailed
from media.mix_state import Tap
from pbx.events import (
    CallEnded,
    RecordingBroken,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
)
from pbx.inbox import RecordingOrder
from pbx.recorder import RecordingRefused
from sip.events import AckReceived, ByeReceived, InviteAnswered, ResponseReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Switchboard, sdp
from tests.fakes.virtual_loop import virtually

KINDS = (RecordingStarted, RecordingPaused, RecordingResumed, RecordingStopped, RecordingBroken)


class Talk:
    """Ann (1001) has called Ben (1002)."""

    def __init__(self, folder: Path, *, extension: str | None = None, **tenant: Any) -> None:
        snapshot = demo_snapshot()
        demo = replace(snapshot.tenants["demo"], **tenant)
        if extension is not None:
            ben = replace(demo.extensions["1002"], record=extension)
            demo = replace(demo, extensions={**demo.extensions, "1002": ben})
        tenants = {**snapshot.tenants, "demo": demo}
        self.board = Switchboard(replace(snapshot, tenants=tenants), recordings=folder)
        self.ann, self.ben = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")

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

    def taps(self) -> list[Tap]:
        states = [state for state in self.board.media.states.values() if state is not None]
        return [state.tap for state in states if state.tap is not None]

    async def order(self, action: str) -> dict[str, str]:
        (session,) = self.board.node.sessions
        done: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        session.post(RecordingOrder(action, "api", done))
        return await done

    def told(self) -> list[str]:
        return [type(event).__name__ for event in self.board.journal.events() if isinstance(event, KINDS)]

    async def over(self) -> None:
        self.ann.hang_up(self.usage)
        await self.ben.expect(ByeReceived)
        await self.board.settled()


@pytest.mark.parametrize(
    ("extension", "tenant", "recorded"),
    [
        (None, {}, False),
        (None, {"record": "all"}, True),
        (None, {"record": "inbound"}, False),
        ("all", {}, True),
        ("all", {"record": "never"}, False),
        ("all", {"record": "on_demand", "record_force": True}, False),
        ("never", {"record": "all"}, True),
    ],
)
@virtually
async def test_who_says_that_a_call_is_recorded(
    tmp_path: Path, extension: str | None, tenant: dict[str, Any], recorded: bool
) -> None:
    talk = await Talk(tmp_path, extension=extension, **tenant).up()
    taps = talk.taps()
    assert len(taps) == (2 if recorded else 0)
    if recorded:
        metas = [json.loads(tap.meta) for tap in taps]
        assert {(one["kind"], one["side"]) for one in metas} == {("caller", "left"), ("callee", "right")}
        assert all(one["in"][0] == [0, "PCMU", 8000, 1] for one in metas)
        assert len({tap.path for tap in taps}) == 2
        assert not any(tap.both for tap in taps)
        assert all(Path(tap.path).parent.is_dir() for tap in taps)
    await talk.over()
    assert talk.told() == (["RecordingStarted", "RecordingStopped"] if recorded else [])


@virtually
async def test_on_demand(tmp_path: Path) -> None:
    talk = await Talk(tmp_path).up()
    with pytest.raises(RecordingRefused):
        await talk.order("stop")
    first = await talk.order("start")
    assert first["state"] == "recording"
    with pytest.raises(RecordingRefused):
        await talk.order("start")
    assert (await talk.order("pause"))["state"] == "paused"
    assert all(tap.paused for tap in talk.taps())
    assert (await talk.order("resume"))["state"] == "recording"
    assert not any(tap.paused for tap in talk.taps())
    assert (await talk.order("stop")) == {"recording": first["recording"], "state": "stopped"}
    assert not talk.taps()
    second = await talk.order("start")
    assert second["recording"] != first["recording"]
    await talk.over()
    assert talk.told() == [
        "RecordingStarted", "RecordingPaused", "RecordingResumed", "RecordingStopped",
        "RecordingStarted", "RecordingStopped",
    ]  # fmt: skip
    kinds = [type(event) for event in talk.board.journal.events()]
    assert kinds.index(CallEnded) > max(at for at, kind in enumerate(kinds) if kind is RecordingStopped)


@virtually
async def test_a_forced_recording_is_not_stopped_by_others(tmp_path: Path) -> None:
    talk = await Talk(tmp_path, record="all", record_force=True).up()
    with pytest.raises(RecordingRefused):
        await talk.order("stop")
    assert (await talk.order("pause"))["state"] == "paused"
    await talk.over()


@virtually
async def test_a_full_disk_stops_what_is_not_forced(tmp_path: Path) -> None:
    talk = Talk(tmp_path, record="all")
    assert talk.board.node.recordings is not None
    talk.board.node.recordings.used_percent = 96.0
    await talk.up()
    assert not talk.taps()
    with pytest.raises(RecordingRefused):
        await talk.order("start")
    assert talk.board.node.recordings.refused == 2
    await talk.over()


@virtually
async def test_a_new_codec_is_told_to_the_tap(tmp_path: Path) -> None:
    talk = await Talk(tmp_path, record="all").up()
    before = {tap.path: tap.meta for tap in talk.taps()}
    talk.ann.reinvite(talk.usage, sdp("10.0.0.11", 4000, (8, "PCMA/8000")))
    while (await talk.ann.expect(ResponseReceived)).response.status < 200:
        pass
    await asyncio.sleep(1)
    after = {tap.path: json.loads(tap.meta) for tap in talk.taps()}
    assert after.keys() == before.keys()
    assert [8, "PCMA", 8000, 1] in [one["in"][0] for one in after.values()]
    await talk.over()


@virtually
async def test_a_tap_that_fails_is_told(tmp_path: Path) -> None:
    talk = await Talk(tmp_path, record="all").up()
    port = next(iter(talk.board.media.states))
    talk.board.node.on_media(TapFailed(port_id=port, revision=1, why="no space left"))
    await asyncio.sleep(0.1)
    await talk.over()
    assert talk.told() == ["RecordingStarted", "RecordingBroken", "RecordingStopped"]


@virtually
async def test_without_a_folder_the_call_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    talk = await Talk(tmp_path / "file", record="all").up()
    assert not talk.taps()
    await talk.over()
    assert talk.told() == []

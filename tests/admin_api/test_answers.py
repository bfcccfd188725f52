"""Answers of the API about a node in virtual time: its handlers are called directly, the records are in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from admin_api.calls import hang_up_call, list_calls, show_call, trace_call
from admin_api.endpoints import ENDPOINTS
from admin_api.health import alive, ready
from admin_api.metrics import show_metrics
from admin_api.problem import problems
from admin_api.registrations import list_registrations
from admin_api.running import RUNNING, Running
from admin_api.serving import served
from admin_api.status import show_status
from pbx.events import Envelope
from pbx.loop_lag import LoopLag
from pbx.records.cdr_view import ended_page
from pbx.records.explain import explain
from pbx.records.messages import Explanation, RecordsStatus
from pbx.settings import Settings
from pbx.tally import Tally
from sip.connection import StreamCounters
from sip.events import InviteAnswered
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MemoryRecords:
    """The records process, as far as the API asks it; `silent`: it gives no answer."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self.restarts = 0
        self.silent = False

    async def _answer(self) -> None:
        if self.silent:
            await asyncio.sleep(1000)

    async def find_calls(self, prefix: str, limit: int) -> list[str]:
        await self._answer()
        found = {getattr(one.event, "call", "") for one in self._board.journal.memory.envelopes}
        return sorted((one for one in found if one and one.startswith(prefix)), reverse=True)[:limit]

    async def events(self, call: str) -> list[Envelope]:
        await self._answer()
        return [one for one in self._board.journal.memory.envelopes if getattr(one.event, "call", None) == call]

    async def explain(self, call: str, *, messages: bool) -> Explanation | None:
        return Explanation.from_wire(explain(await self.events(call), Path("/nowhere"), messages=messages))

    async def calls(self, limit: int, **_: object) -> list[Any]:
        await self._answer()
        return self._board.journal.records()[-limit:]

    async def ended_page(self, limit: int, **_: object) -> bytes:
        await self._answer()
        return ended_page([(one, one.legs) for one in self._board.journal.records()[-limit:]], limit)

    async def status(self) -> RecordsStatus:
        await self._answer()
        return RecordsStatus(seq=0, open_calls=0, damaged_bytes=0, missing_events=0, skipped_events=0, error=None)


class Office:
    """A switchboard with its API."""

    def __init__(self) -> None:
        self.board = board = Switchboard(demo_snapshot())
        self.records = MemoryRecords(board)
        self.tally = Tally()
        board.journal.watch(self.tally.watchers())
        self.spool = SimpleNamespace(full=False, error=None, buffered_bytes=0, next_seq=5, dropped=0)
        self.workers = [1]
        board.media.worker_pids = lambda: self.workers  # type: ignore[attr-defined]
        running = SimpleNamespace(
            version="1.2.3",
            name="n1",
            began=0.0,
            settings=Settings(),
            clock=board.clock,
            node=board.node,
            ingress=board.ingress,
            location=board.location,
            media=board.media,
            port_pairs=1000,
            transports=SimpleNamespace(
                listeners=[SimpleNamespace(counters=SimpleNamespace(kernel_drops=0))],
                connections=0,
                counters=StreamCounters(),
            ),
            records=self.records,
            spool=self.spool,
            tally=self.tally,
            loop_lag=LoopLag(board.loop, board.clock.now),
            tracer=None,
        )
        running.sessions = lambda: Running.sessions(cast(Running, running))
        running.records_status = lambda: Running.records_status(cast(Running, running))
        self._app = web.Application()
        self._app[RUNNING] = cast(Running, running)

    async def ask(self, handler: Handler, path: str, **match: str) -> tuple[int, Any]:
        """Status and answer."""
        request = make_mocked_request("GET", path, match_info=match, app=self._app)
        endpoint = next((one for one in ENDPOINTS if one.handler is handler and not one.scoped), None)
        answer = await problems(request, handler if endpoint is None else served(endpoint))
        assert isinstance(answer, web.Response)
        text = answer.text or (answer.body if isinstance(answer.body, bytes) else b"").decode()
        return answer.status, json.loads(text) if "json" in answer.content_type else text

    async def phones(self) -> tuple[Phone, Phone]:
        ann, ben = self.board.phone("1001", "10.0.0.11"), self.board.phone("1002", "10.0.0.12")
        await ben.register()
        return ann, ben

    async def call(self, ann: Phone, ben: Phone) -> int:
        """Both are up and talk."""
        usage = await ann.invite("1002")
        ben.answer(await ben.ringing())
        await ann.expect(InviteAnswered)
        await asyncio.sleep(7)
        return usage


@virtually
async def test_a_call_while_it_is_up_and_afterwards() -> None:
    office = Office()
    assert await office.ask(list_calls, "/") == (200, {"items": [], "next": None, "total": 0})
    status, found = await office.ask(show_call, "/", call="last")
    assert (status, found["detail"]) == (404, "there was no call yet")
    ann, ben = await office.phones()
    await office.call(ann, ben)
    status, found = await office.ask(list_calls, "/?tenant=demo")
    (row,) = found["items"]
    assert (row["from"], row["to"], row["state"], row["seconds"]) == ("1001", "1002", "up", 7)
    assert row["since"].startswith("2026-09-21T")
    assert await office.ask(list_calls, "/?tenant=bench") == (200, {"items": [], "next": None, "total": 0})
    status, found = await office.ask(show_call, "/", call=row["id"][:12].lower())
    assert (status, found["id"]) == (200, row["id"])
    assert [leg["media"]["packets_in"] for leg in found["legs"]] == [100, 100]
    status, found = await office.ask(trace_call, "/?messages=true", call="last")
    assert (status, found["messages"], found["cut"]) == (200, [], False)
    assert any("* routed to extension 1002" in line for line in found["ladder"])
    assert await office.ask(hang_up_call, "/", call=row["id"]) == (200, {"id": row["id"], "state": "ended"})
    status, found = await office.ask(hang_up_call, "/", call=row["id"])
    assert (status, found["detail"]) == (409, f"call {row['id']} is over already")
    await office.board.settled()
    status, found = await office.ask(show_call, "/", call=row["id"])
    assert (found["state"], found["result"], found["reason"]) == ("ended", "answered", "supervisor_release")
    assert [leg["media"]["direction"] for leg in found["legs"]] == ["sendrecv", "sendrecv"]
    status, found = await office.ask(list_calls, "/?state=ended")
    assert [one["id"] for one in found["items"]] == [row["id"]]


@virtually
async def test_an_id_that_several_calls_begin_with() -> None:
    office = Office()
    ann, ben = await office.phones()
    ann.hang_up(await office.call(ann, ben))
    await asyncio.sleep(1)
    ann.hang_up(await office.call(ann, ben))
    await asyncio.sleep(5)
    status, found = await office.ask(show_call, "/", call="01")
    assert status == 409
    assert found["detail"].startswith("several calls begin with '01', the newest: 01")
    _, newest = await office.ask(show_call, "/", call="LAST")
    _, ended = await office.ask(list_calls, "/?state=ended")
    assert newest["id"] == max(one["id"] for one in ended["items"])
    for text in ("ZZ", "[", "../x", "É"):
        assert (await office.ask(show_call, "/", call=text))[0] == 404
    await office.board.settled()


@virtually
async def test_records_that_do_not_answer() -> None:
    office = Office()
    ann, ben = await office.phones()
    usage = await office.call(ann, ben)
    office.records.silent = True
    _, found = await office.ask(list_calls, "/")
    call = found["items"][0]["id"]
    # What is in memory is shown without them.
    assert (await office.ask(show_call, "/", call=call))[0] == 200
    assert (await office.ask(show_call, "/", call=call[:-1]))[0] == 503
    assert (await office.ask(trace_call, "/", call=call))[0] == 503
    assert (await office.ask(list_calls, "/?state=ended"))[0] == 503
    status, found = await office.ask(show_status, "/")
    assert (status, found["records"]["answers"], found["spool"]["events_behind"]) == (200, False, None)
    status, text = await office.ask(show_metrics, "/")
    assert "\ncordboard_spool_events_behind " not in text
    assert "\ncordboard_calls_active 1.0\n" in text
    ann.hang_up(usage)
    await office.board.settled()


@virtually
async def test_status_and_registrations() -> None:
    office = Office()
    ann, ben = await office.phones()
    ann.hang_up(await office.call(ann, ben))
    await asyncio.sleep(1)
    _, found = await office.ask(show_status, "/")
    assert (found["calls"], found["legs"], found["registrations"]) == (0, 0, 1)
    assert found["ended"] == [{"result": "answered", "reason": "normal", "calls": 1}]
    assert found["spool"]["events_behind"] == 4
    _, found = await office.ask(list_registrations, "/")
    (row,) = found["items"]
    assert (row["device"], row["received"], row["behind_nat"]) == ("1002", "10.0.0.12:5060", False)
    assert (await office.ask(list_registrations, "/?device=1001"))[1] == {"items": [], "next": None, "total": 1}
    assert (await office.ask(list_registrations, "/?limit=x"))[0] == 422
    assert (await office.ask(list_calls, "/?state=over"))[1]["detail"] == (
        "state: 'over' is not known (allowed: live | ended)"
    )
    await office.board.settled()


@pytest.mark.parametrize("trouble", ["none", "draining", "worker", "disk"])
def test_readiness(trouble: str) -> None:
    reasons = {
        "none": [],
        "draining": ["draining: the node is about to stop"],
        "worker": ["1 of 1 media workers are down"],
        "disk": ["records cannot be written: no space"],
    }[trouble]

    @virtually
    async def scenario() -> None:
        office = Office()
        office.board.ingress.admission.draining = trouble == "draining"
        office.workers = [] if trouble == "worker" else [1]
        office.spool.full, office.spool.error = trouble == "disk", "no space"
        assert await office.ask(alive, "/") == (200, "ok\n")
        assert await office.ask(ready, "/") == (503 if reasons else 200, {"ready": not reasons, "reasons": reasons})

    scenario()

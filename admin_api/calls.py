"""Calls: what goes on, what went on, how it went, and the end of it by an administrator."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from heapq import nlargest
from http import HTTPStatus

from aiohttp import web

from admin_api.call_view import Json, ended_detail, live_call, live_detail
from admin_api.finder import find_call, find_own_call, session_of
from admin_api.problem import Problem
from admin_api.running import RUNNING, Running, asked
from admin_api.serving import author_of, query_of
from pbx.inbox import HangUpOrder
from pbx.reasons import Reason

LOOK_S = 0.5
HANGUP_S = 2.0


def _now_ms(running: Running) -> int:
    return running.clock.wall_ns() // 1_000_000


async def list_calls(request: web.Request) -> web.Response:
    """GET /calls: live calls, or with `state=ended` those that are over; the newest first."""
    running, query = request.app[RUNNING], query_of(request)
    most, cursor = query["limit"], query["cursor"]
    tenant = request.match_info.get("tenant", query.get("tenant"))
    if query["state"] == "ended":
        page = await asked(running.records.ended_page(most, tenant=tenant, before=cursor))
        return web.Response(body=page, content_type="application/json")
    chosen = [one.call for one in running.sessions() if tenant in (None, one.call.tenant)]
    calls = nlargest(most, (one for one in chosen if cursor is None or one.id < cursor), key=lambda call: call.id)
    now_ms = _now_ms(running)
    rows = [live_call(call, now_ms) for call in calls]
    following = rows[-1]["id"] if len(rows) == most else None
    return web.json_response({"items": rows, "next": following, "total": len(chosen)})


async def show_call(request: web.Request) -> web.Response:
    """GET /calls/{call}: one call, with the verdict on the media of each leg."""
    running = request.app[RUNNING]
    return web.json_response(await _detail(running, await _found(request)))


async def _found(request: web.Request) -> str:
    """The id of the call that the path names, of the tenant that it names."""
    running, text = request.app[RUNNING], request.match_info["call"]
    tenant = request.match_info.get("tenant")
    return await (find_call(running, text) if tenant is None else find_own_call(running, text, tenant))


async def _detail(running: Running, call: str) -> Json:
    session = session_of(running, call)
    if session is not None:
        ports = [leg.port.id for leg in session.call.legs if leg.port is not None and not leg.down]
        stats = await running.media.look(ports, LOOK_S)
        if session.call.legs:  # it may have ended meanwhile
            return live_detail(session.call, _now_ms(running), stats)
    events = await asked(running.records.events(call))
    if not events:
        raise Problem(HTTPStatus.NOT_FOUND, f"nothing is known of call {call}")
    return ended_detail(call, events)


async def trace_call(request: web.Request) -> web.Response:
    """GET /calls/{call}/trace: the ladder of a call; with `messages=true` its messages too."""
    running, messages = request.app[RUNNING], query_of(request)["messages"]
    call = await _found(request)
    if running.tracer is not None:
        await running.tracer.flush()
    found = await asked(running.records.explain(call, messages=messages))
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"nothing is known of call {call}")
    return web.json_response(
        {
            "call": await _detail(running, call),
            "ladder": list(found.ladder),
            "messages": [asdict(one) for one in found.messages],
            "cut": found.cut,
        }
    )


async def hang_up_call(request: web.Request) -> web.Response:
    """POST /calls/{call}/hangup: end a call; 200 when it is over, 202 while it still ends, 409 when it was over."""
    running = request.app[RUNNING]
    call = await _found(request)
    session = session_of(running, call)
    if session is None:
        raise Problem(HTTPStatus.CONFLICT, f"call {call} is over already")
    task = running.node.sessions[session]
    session.log.info("ended by an administrator", by=author_of(request))
    session.post(HangUpOrder(Reason.SUPERVISOR_RELEASE))
    done, _ = await asyncio.wait([task], timeout=HANGUP_S)
    return web.json_response(
        {"id": call, "state": "ended" if done else "ending"}, status=HTTPStatus.OK if done else HTTPStatus.ACCEPTED
    )

"""Calls: what goes on, what went on, how it went, and the end of it by an administrator."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from heapq import nlargest
from http import HTTPStatus

from aiohttp import web

from admin_api.call_view import Json, ended_call, ended_detail, live_call, live_detail
from admin_api.finder import find_call, session_of
from admin_api.peer import uid_of
from admin_api.problem import Problem
from admin_api.query import limit, one_of
from admin_api.running import RECORDS_S, RUNNING, Running, no_records
from pbx.inbox import HangUpOrder
from pbx.reasons import Reason

LOOK_S = 0.5
HANGUP_S = 2.0


def _now_ms(running: Running) -> int:
    return running.clock.wall_ns() // 1_000_000


async def list_calls(request: web.Request) -> web.Response:
    """GET /calls: live calls, or with `state=ended` those that are over; the newest first."""
    running, most = request.app[RUNNING], limit(request)
    tenant = request.query.get("tenant")
    if one_of(request, "state", "live", "ended") == "live":
        chosen = (one.call for one in running.sessions() if tenant in (None, one.call.tenant))
        calls = nlargest(most, chosen, key=lambda call: call.id)
        now_ms = _now_ms(running)
        rows = [live_call(call, now_ms) for call in calls]
    else:
        try:
            async with asyncio.timeout(RECORDS_S):
                cdrs = await running.records.calls(most, tenant=tenant, before=request.query.get("before"))
        except TimeoutError:
            raise no_records() from None
        rows = [ended_call(cdr) for cdr in cdrs]
    return web.json_response({"calls": rows, "live": len(running.node.sessions)})


async def show_call(request: web.Request) -> web.Response:
    """GET /calls/{call}: one call, with the verdict on the media of each leg."""
    running = request.app[RUNNING]
    return web.json_response(await _detail(running, await find_call(running, request.match_info["call"])))


async def _detail(running: Running, call: str) -> Json:
    session = session_of(running, call)
    if session is not None:
        ports = [leg.port.id for leg in session.call.legs if leg.port is not None and not leg.down]
        stats = await running.media.look(ports, LOOK_S)
        if session.call.legs:  # it may have ended meanwhile
            return live_detail(session.call, _now_ms(running), stats)
    try:
        async with asyncio.timeout(RECORDS_S):
            events = await running.records.events(call)
    except TimeoutError:
        raise no_records() from None
    if not events:
        raise Problem(HTTPStatus.NOT_FOUND, f"nothing is known of call {call}")
    return ended_detail(call, events)


async def trace_call(request: web.Request) -> web.Response:
    """GET /calls/{call}/trace: the ladder of a call; with `messages=true` its messages too."""
    running = request.app[RUNNING]
    messages = one_of(request, "messages", "false", "true") == "true"
    call = await find_call(running, request.match_info["call"])
    if running.tracer is not None:
        await running.tracer.flush()
    try:
        async with asyncio.timeout(RECORDS_S):
            found = await running.records.explain(call, messages=messages)
    except TimeoutError:
        raise no_records() from None
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
    call = await find_call(running, request.match_info["call"])
    session = session_of(running, call)
    if session is None:
        raise Problem(HTTPStatus.CONFLICT, f"call {call} is over already")
    task = running.node.sessions[session]
    session.log.info("ended by an administrator", uid=uid_of(request))
    session.post(HangUpOrder(Reason.SUPERVISOR_RELEASE))
    done, _ = await asyncio.wait([task], timeout=HANGUP_S)
    return web.json_response(
        {"id": call, "state": "ended" if done else "ending"}, status=HTTPStatus.OK if done else HTTPStatus.ACCEPTED
    )

"""Recordings: lists, the audio itself, deletion; and orders to begin, pause or end the recording of a live call."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.body import read_json
from admin_api.finder import find_own_call, session_of
from admin_api.problem import Problem
from admin_api.query import Param
from admin_api.running import RUNNING, asked
from admin_api.serving import author_of, query_of
from pbx.inbox import RecordingOrder
from pbx.recorder import ACTIONS, RecordingRefused
from pbx.recording_row import RecordingRow
from pbx.records.cdr_view import time_text

Json = dict[str, Any]
ORDER_S: Final = 2.0
TYPES: Final = {"wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg"}
OF_CALL: Final = Param(name="call", about="of this call alone", pattern="[0-9A-HJKMNP-TV-Z]{26}")
CURSOR: Final = Param(name="cursor", about="`next` of the page before", pattern="[0-9A-HJKMNP-TV-Z]{26}-[0-9]{1,6}")
ORDER: Final[Json] = {
    "type": "object",
    "description": "What the recording of the call shall do.",
    "properties": {"action": {"type": "string", "enum": sorted(ACTIONS)}},
    "required": ["action"],
    "additionalProperties": False,
}


async def list_recordings(request: web.Request) -> web.Response:
    """GET: recordings, the newest first."""
    query = query_of(request)
    rows = await asked(
        request.app[RUNNING].records.recordings(
            tenant=request.match_info.get("tenant", query.get("tenant")),
            call=query["call"],
            before=query["cursor"],
            limit=query["limit"],
        )
    )
    following = rows[-1].id if len(rows) == query["limit"] else None
    return web.json_response({"items": [shown(row) for row in rows], "next": following})


async def show_recording(request: web.Request) -> web.Response:
    """GET: one recording."""
    return web.json_response(shown(await _found(request)))


async def play_recording(request: web.Request) -> web.StreamResponse:
    """GET: its audio, whole or a range (RFC 9110 §14)."""
    row = await _found(request)
    path = request.app[RUNNING].settings.data.directory / "recordings" / row.file
    if not row.file or not path.is_file():
        raise Problem(
            HTTPStatus.GONE, f"recording {row.id} has no audio: {'; '.join(json.loads(row.faults)) or 'gone'}"
        )
    name = f"{row.id}.{row.format}"
    headers = {"Content-Type": TYPES[row.format], "Content-Disposition": f'attachment; filename="{name}"'}
    return web.FileResponse(path, headers=headers)


async def delete_recording(request: web.Request) -> web.Response:
    """DELETE: the recording and its audio, for good."""
    row = await _found(request)
    await asked(request.app[RUNNING].records.remove_recording(row.id))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def order_recording(request: web.Request) -> web.Response:
    """POST /tenants/{tenant}/calls/{call}/recording: begin, pause, resume or end the recording of a live call."""
    running = request.app[RUNNING]
    wish, _ = await read_json(request)
    action = wish.get("action") if isinstance(wish, dict) else None
    if action not in ACTIONS or len(wish) != 1:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"action {action!r} (allowed: {' | '.join(sorted(ACTIONS))})")
    call = await find_own_call(running, request.match_info["call"], request.match_info["tenant"])
    session = session_of(running, call)
    if session is None:
        raise Problem(HTTPStatus.CONFLICT, f"call {call} is over already")
    done: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    session.post(RecordingOrder(action, author_of(request), done))
    try:
        told = await asyncio.wait_for(done, ORDER_S)
    except RecordingRefused as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from error
    except TimeoutError as error:
        raise Problem(HTTPStatus.CONFLICT, f"call {call} has just ended") from error
    return web.json_response({"call": call, **told})


async def _found(request: web.Request) -> RecordingRow:
    ident, tenant = request.match_info["recording"], request.match_info.get("tenant")
    row = await asked(request.app[RUNNING].records.recording(ident))
    if row is None or (tenant is not None and row.tenant != tenant):
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no recording {ident!r}")
    return row


def shown(row: RecordingRow) -> Json:
    """A recording as it is answered; `left` is the customer's side, `right` the tenant's."""
    return {
        "id": row.id,
        "call": row.call_id,
        "tenant": row.tenant,
        "state": row.state,
        "began_at": time_text(row.began_at_ms),
        "duration_ms": row.duration_ms,
        "format": row.format,
        "rate_hz": row.rate_hz,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "legs": json.loads(row.legs),
        "faults": json.loads(row.faults),
    }

"""History: call records and events, found and shown by the records process, page by page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from admin_api.problem import Problem
from admin_api.query import Param
from admin_api.running import RUNNING, asked
from admin_api.serving import query_of
from pbx.events import EVENTS, CallCreated, Envelope, Event
from pbx.reasons import Reason, Result
from pbx.records.cdr_view import cdr_view, leg_view, time_text

Json = dict[str, Any]
MOST_NS = (1 << 63) - 1
_CODES = {kind.type: code for code, kind in EVENTS.items()}

CDR_FILTERS = (
    Param(name="since", about="calls that began then or later", kind="time"),
    Param(name="until", about="calls that began before then", kind="time"),
    Param(name="number", about="the caller's number or the one called"),
    Param(name="result", about="how the call went", allowed=tuple(Result)),
    Param(name="reason", about="why it ended", allowed=tuple(Reason)),
    Param(name="direction", about="which way", allowed=("internal", "inbound", "outbound")),
    Param(name="extension", about="the calling extension"),
    Param(name="device", about="the calling device"),
    Param(name="trunk", about="the trunk that it came by"),
    Param(name="did", about="the access number that was called"),
)
OF_TENANT = Param(name="tenant", about="of this tenant alone")
CDR_SORT = Param(name="sort", about="the newest or the oldest first", allowed=("-since", "since"), default="-since")
CALL_CURSOR = Param(name="cursor", about="`next` of the page before", pattern="[0-9A-HJKMNP-TV-Z]{26}")
EVENT_FILTERS = (
    Param(name="call", about="of this call alone", pattern="[0-9A-HJKMNP-TV-Z]{26}"),
    Param(name="type", about="of this type alone", allowed=tuple(sorted(_CODES))),
    Param(name="since", about="stated then or later", kind="time"),
)
EVENT_CURSOR = Param(name="cursor", about="`next` of the page before", pattern="[0-9]{1,18}")


async def list_cdrs(request: web.Request) -> web.Response:
    """GET: call records without their legs."""
    query = query_of(request)
    wanted: Json = {one.name: query[one.name] for one in CDR_FILTERS if one.kind != "time"}
    page = await asked(
        request.app[RUNNING].records.cdr_page(
            **wanted,
            tenant=request.match_info.get("tenant", query.get("tenant")),
            since_ms=query["since"],
            until_ms=query["until"],
            limit=query["limit"],
            cursor=query["cursor"],
            newest_first=query["sort"] == "-since",
        )
    )
    return web.Response(body=page, content_type="application/json")


async def show_cdr(request: web.Request) -> web.Response:
    """GET: one record with its legs."""
    call = request.match_info["call"]
    (cdr,) = await asked(request.app[RUNNING].records.calls(1, call=call)) or (None,)
    if cdr is None or request.match_info.get("tenant", cdr.tenant) != cdr.tenant:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no record of call {call!r}")
    return web.json_response(cdr_view(cdr) | {"legs": [leg_view(leg) for leg in cdr.legs]})


async def list_events(request: web.Request) -> web.Response:
    """GET: events in order of their numbers."""
    query = query_of(request)
    events = await asked(
        request.app[RUNNING].records.search_events(
            limit=query["limit"],
            after=int(query["cursor"] or 0),
            call=query["call"],
            code=_CODES.get(query["type"]),
            since_ns=None if query["since"] is None else min(query["since"] * 1_000_000, MOST_NS),
        )
    )
    following = str(events[-1].seq) if len(events) == query["limit"] else None
    return web.json_response({"items": [event_shown(one) for one in events], "next": following})


async def list_call_events(request: web.Request) -> web.Response:
    """GET: all events of a call."""
    call, tenant = request.match_info["call"], request.match_info["tenant"]
    events = await asked(request.app[RUNNING].records.events(call))
    born = next((one.event for one in events if isinstance(one.event, CallCreated)), None)
    if born is None or born.tenant != tenant:
        raise Problem(HTTPStatus.NOT_FOUND, f"nothing is known of call {call!r}")
    return web.json_response({"items": [event_shown(one) for one in events], "next": None})


def event_shown(envelope: Envelope) -> Json:
    """An event: its number, time and type, and what it says."""
    event = envelope.event
    return {
        "seq": envelope.seq,
        "at": time_text(envelope.at_ns // 1_000_000),
        "type": event.type,
        "call": getattr(event, "call", None),
        "data": {name: _json(getattr(event, name)) for name in _names(type(event)) if name != "call"},
    }


def _names(kind: type[Event]) -> tuple[str, ...]:
    return tuple(kind.__dataclass_fields__)  # type: ignore[attr-defined]


def _json(value: Any) -> Any:
    """Plain data as JSON can hold it: bytes as hexadecimal text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    return value

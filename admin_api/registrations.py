"""Registrations: which phones are registered, from where, and for how long."""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice

from aiohttp import web

from admin_api.call_view import Json
from admin_api.problem import Problem
from admin_api.running import RUNNING
from admin_api.serving import query_of
from pbx.location import Binding


async def list_registrations(request: web.Request) -> web.Response:
    """GET /registrations: bindings, of one `tenant` or one `device` where these are given."""
    running, query = request.app[RUNNING], query_of(request)
    tenant, device = request.match_info.get("tenant", query.get("tenant")), query["device"]
    most, begin = query["limit"], int(query["cursor"] or 0)
    now = running.clock.now()
    if tenant is not None and device is not None:
        found = iter(running.location.of((tenant, device), now))
    else:
        found = running.location.bindings()
    chosen = (
        one for one in found if tenant in (None, one.tenant) and device in (None, one.device) and one.expires_at > now
    )
    page = list(islice(chosen, begin, begin + most + 1))
    rows = [_row(one, now) for one in page[:most]]
    # Of all: those of one tenant are not counted for each look.
    total = len(running.location) if "tenant" not in request.match_info else None
    following = str(begin + most) if len(page) > most else None
    return web.json_response({"items": rows, "next": following, "total": total})


async def delete_registration(request: web.Request) -> web.Response:
    """DELETE: the phones of a device are not called any more, until they register again."""
    running = request.app[RUNNING]
    device = (request.match_info["tenant"], request.match_info["device"])
    found = running.location.of(device, running.clock.now())
    if not found:
        raise Problem(HTTPStatus.NOT_FOUND, f"device {device[1]!r} is not registered")
    for binding in found:
        running.location.remove(binding)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _row(binding: Binding, now: float) -> Json:
    return {
        "tenant": binding.tenant,
        "device": binding.device,
        "aor": binding.aor,
        "contact": str(binding.contact),
        "received": binding.flow.source,
        "transport": binding.flow.transport,
        "behind_nat": binding.behind_nat,
        "expires_s": round(binding.expires_at - now),
        "user_agent": binding.user_agent,
    }

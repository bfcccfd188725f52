"""Registrations: which phones are registered, from where, and for how long."""

from __future__ import annotations

from itertools import islice

from aiohttp import web

from admin_api.call_view import Json
from admin_api.query import limit
from admin_api.running import RUNNING
from pbx.location import Binding


async def list_registrations(request: web.Request) -> web.Response:
    """GET /registrations: bindings, of one `tenant` or one `device` where these are given."""
    running, most = request.app[RUNNING], limit(request)
    tenant, device = request.query.get("tenant"), request.query.get("device")
    now = running.clock.now()
    chosen = (
        one
        for one in running.location.bindings()
        if tenant in (None, one.tenant) and device in (None, one.device) and one.expires_at > now
    )
    rows = [_row(one, now) for one in islice(chosen, most)]
    return web.json_response({"registrations": rows, "total": len(running.location)})


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

"""Health: whether the process lives, and whether it should be given calls."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from admin_api.running import RUNNING, Running


async def alive(request: web.Request) -> web.Response:
    """GET /healthz: 200 as long as the event loop turns."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """GET /readyz: 200, or 503 with what is missing."""
    reasons = obstacles(request.app[RUNNING])
    return web.json_response(
        {"ready": not reasons, "reasons": reasons},
        status=HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK,
    )


def obstacles(running: Running) -> list[str]:
    """What keeps the node from taking calls; empty when it is ready."""
    found = []
    if running.ingress.admission.draining:
        found.append("draining: the node is about to stop")
    if not running.transports.listeners:
        found.append("no SIP listener is bound")
    up, wanted = len(running.media.worker_pids()), running.settings.media.workers
    if up < wanted:
        found.append(f"{wanted - up} of {wanted} media workers are down")
    if running.spool.full:
        found.append(f"records cannot be written: {running.spool.error}")
    return found

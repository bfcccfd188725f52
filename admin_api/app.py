"""App: which paths are served where."""

from __future__ import annotations

from aiohttp import web

from admin_api.calls import hang_up_call, list_calls, show_call, trace_call
from admin_api.health import alive, ready
from admin_api.metrics import show_metrics
from admin_api.peer import local_people
from admin_api.problem import problems
from admin_api.registrations import list_registrations
from admin_api.running import RUNNING, Running
from admin_api.status import show_status

OPEN = {"/healthz": alive, "/readyz": ready, "/metrics": show_metrics}
"""What is served without a token, on loopback only."""


def open_app(running: Running) -> web.Application:
    """Health and metrics, for the TCP port."""
    app = web.Application(middlewares=[problems])
    app[RUNNING] = running
    for path, handler in OPEN.items():
        app.router.add_get(path, handler)
    return app


def control_app(running: Running) -> web.Application:
    """Everything, for the control socket."""
    app = web.Application(middlewares=[problems, local_people])
    app[RUNNING] = running
    for path, handler in OPEN.items():
        app.router.add_get(path, handler)
    app.router.add_get("/api/v1/status", show_status)
    app.router.add_get("/api/v1/calls", list_calls)
    app.router.add_get("/api/v1/calls/{call}", show_call)
    app.router.add_get("/api/v1/calls/{call}/trace", trace_call)
    app.router.add_post("/api/v1/calls/{call}/hangup", hang_up_call)
    app.router.add_get("/api/v1/registrations", list_registrations)
    return app

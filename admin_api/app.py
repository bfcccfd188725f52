"""App: which paths are served where."""

from __future__ import annotations

from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from admin_api.body import MOST_BYTES
from admin_api.docs_page import show_docs
from admin_api.endpoint import BASE
from admin_api.endpoints import ENDPOINTS
from admin_api.gate import bearers, frame, methods
from admin_api.health import alive, ready
from admin_api.metrics import show_metrics
from admin_api.openapi import show_openapi
from admin_api.peer import local_people
from admin_api.problem import Handler, problems
from admin_api.running import RUNNING, Running
from admin_api.serving import served
from admin_api.state import STATE, ApiState

PLAIN: dict[str, Handler] = {
    "/healthz": alive,
    "/readyz": ready,
    "/metrics": show_metrics,
    "/docs": show_docs,
    f"{BASE}/openapi.json": show_openapi,
}
"""What is served beside the resources."""


def open_app(running: Running, state: ApiState) -> web.Application:
    """Everything, for the TCP port: a token says who asks."""
    return _app(running, state, bearers)


def control_app(running: Running, state: ApiState) -> web.Application:
    """Everything, for the control socket: who may connect to it is the platform."""
    return _app(running, state, local_people)


def _app(running: Running, state: ApiState, who: Middleware) -> web.Application:
    app = web.Application(middlewares=[frame, problems, methods, who], client_max_size=MOST_BYTES)
    app[RUNNING], app[STATE] = running, state
    for path, handler in PLAIN.items():
        app.router.add_get(path, handler)
    for endpoint in ENDPOINTS:
        # A GET is served as HEAD too.
        add = app.router.add_get if endpoint.method == "GET" else partial(app.router.add_route, endpoint.method)
        add(BASE + endpoint.path, served(endpoint))
    return app

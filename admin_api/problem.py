"""Problem: every refusal of the API as one JSON document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """A request cannot be served; `detail` says what is wrong and what to do."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def response(self) -> web.Response:
        """The document; `title` is the phrase of the status (RFC 9457 §4.2.1, about:blank)."""
        return web.json_response(
            {"type": "about:blank", "title": self.status.phrase, "status": int(self.status), "detail": self.detail},
            status=int(self.status),
            content_type=CONTENT_TYPE,
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong in a handler ends as a problem document; a fault of ours is logged."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = Problem(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}").response()
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        # Its frames refer to it: without this each such request would leave cyclic garbage, which nobody collects soon.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        return answer
    except Exception:
        structlog.get_logger("admin_api").exception("request failed", method=request.method, path=request.path)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the server; its log says more").response()

"""Problem: every refusal of the API as one JSON document (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field: its path (`devices[0].username`), the fault, what is allowed there."""

    field: str
    message: str
    allowed: str | None = None


class Problem(Exception):
    """A request cannot be served; `detail` says what is wrong and what to do.

    `errors` name the fields at fault, `extra` are further members of the document, `headers` go with the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The document; `title` is the phrase of the status (RFC 9457 §4.2.1, about:blank)."""
        found: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            found["errors"] = [
                {"field": one.field, "message": one.message, "allowed": one.allowed} for one in self.errors
            ]
        return found | self.extra

    def response(self) -> web.Response:
        """The document as an answer."""
        return web.Response(
            # What a peer sent may hold half a surrogate pair: escaped, it can always be written.
            text=json.dumps(self.document()),
            status=int(self.status),
            content_type=CONTENT_TYPE,
            headers=self.headers,
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

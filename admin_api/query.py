"""Query: parameters of a request, checked."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from admin_api.problem import Problem

MOST = 1000
USUAL = 100


def limit(request: web.Request) -> int:
    """`limit`, how many rows are wanted. Raises Problem (422)."""
    text = request.query.get("limit", str(USUAL))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"limit: {text[:20]!r} is not within 1-{MOST}")
    return int(text)


def one_of(request: web.Request, name: str, *allowed: str) -> str:
    """A parameter with a closed list of values, the first by default. Raises Problem (422)."""
    text = request.query.get(name, allowed[0])
    if text not in allowed:
        wanted = " | ".join(allowed)
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {text[:20]!r} is not known (allowed: {wanted})")
    return text

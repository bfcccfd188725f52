"""Gate: who is let in, what is said of whom is not, and the frame around every answer."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

import structlog
from aiohttp import web
from structlog.contextvars import bound_contextvars

from admin_api.identity import Identity, identity_of, set_identity
from admin_api.problem import Handler, Problem
from admin_api.running import RUNNING
from admin_api.state import STATE
from admin_api.token_book import Refusal

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/docs", "/api/v1/openapi.json"})
"""Served without a token: they tell nothing of any tenant."""
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="cordboard"'}
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECURITY: Final = {
    "Server": "Cordboard",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@web.middleware
async def frame(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A request id in the answer and the log, and headers that keep browsers from being too helpful."""
    given = request.headers.get("X-Request-Id", "")
    state = request.app[STATE]
    request_id = given if _REQUEST_ID.fullmatch(given) else state.request_id()
    with bound_contextvars(request_id=request_id):
        answer = await handler(request)
        identity = identity_of(request)
        if identity is not None and request.method not in ("GET", "HEAD", "OPTIONS"):
            structlog.get_logger("admin_api").info(
                "request", method=request.method, path=request.path, status=answer.status, by=identity.name,
                request_id=request_id,
            )  # fmt: skip
    answer.headers["X-Request-Id"] = request_id
    for name, value in _SECURITY.items():
        answer.headers.setdefault(name, value)
    if request.secure:
        answer.headers["Strict-Transport-Security"] = "max-age=31536000"
    return answer


@web.middleware
async def methods(request: web.Request, handler: Handler) -> web.StreamResponse:
    """OPTIONS says what a path can do; nothing of it is secret."""
    error = request.match_info.http_exception
    if request.method == "OPTIONS" and isinstance(error, web.HTTPMethodNotAllowed):
        allowed = sorted({*error.allowed_methods, "OPTIONS"})
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": ",".join(allowed)})
    return await handler(request)


@web.middleware
async def bearers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Over TCP a token says who asks."""
    running, state = request.app[RUNNING], request.app[STATE]
    if request.path in OPEN_PATHS or (request.path == "/metrics" and state.open_metrics):
        return await handler(request)
    identity = await _identify(request)
    wait_s = state.rate.take(identity.token or "", running.clock.now())
    if wait_s:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"token {identity.token} asks too often: {running.settings.http.requests_per_minute} requests a minute",
            headers={"Retry-After": str(int(wait_s) + 1)},
        )
    if request.path == "/metrics" and not identity.platform:
        raise Problem(HTTPStatus.NOT_FOUND, "there is nothing here")
    set_identity(request, identity)
    return await handler(request)


async def _identify(request: web.Request) -> Identity:
    """Who presents a token. Raises Problem (401) for none, for a wrong one after a while."""
    running, state = request.app[RUNNING], request.app[STATE]
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Problem(HTTPStatus.UNAUTHORIZED, "a token is needed: Authorization: Bearer cbt_...", headers=_CHALLENGE)
    address = source_of(request, behind_proxy=running.settings.http.behind_proxy)
    found = state.tokens.check(
        text.strip(), address, running.clock.wall_ns() // 1_000_000, running.configuration.snapshot.tokens
    )
    if isinstance(found, Identity):
        return found
    await _refuse(request, address, found)
    raise Problem(
        HTTPStatus.UNAUTHORIZED,
        "the token is not valid here: unknown, revoked, expired or used from another address",
        headers={"WWW-Authenticate": _CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'},
    )


async def _refuse(request: web.Request, address: str, refusal: Refusal) -> None:
    """Count, tell, and hold the answer back."""
    wrong = request.app[STATE].wrong
    wait_s, told = wrong.note(address, request.app[RUNNING].clock.now())
    if told:
        structlog.get_logger("admin_api").warning(
            "wrong token", source=address, cause=refusal.cause, token_id=refusal.token, times=told
        )
    if wait_s and wrong.waiting >= wrong.most_waiting:
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens", headers={"Retry-After": "10"})
    wrong.waiting += 1
    try:
        await asyncio.sleep(wait_s)
    finally:
        wrong.waiting -= 1


def source_of(request: web.Request, *, behind_proxy: bool) -> str:
    """The address that a request comes from; behind a proxy the one that the proxy names last."""
    address = request.remote or ""
    if behind_proxy:
        last = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
        try:
            address = str(ip_address(last))
        except ValueError:
            return address
    return address

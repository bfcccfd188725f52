"""Serving: what is checked before a handler runs, the same for every endpoint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.endpoint import Endpoint
from admin_api.idempotency import Kept, keep, recalled
from admin_api.identity import Identity, identity_of
from admin_api.problem import Handler, Problem
from admin_api.query import read_query
from admin_api.running import RUNNING
from admin_api.state import STATE

MOST_PATH_TEXT: Final = 128
SHOWN_ONCE: Final[web.ResponseKey[web.Response]] = web.ResponseKey("shown_once", web.Response)
"""On an answer: another answer, without the secret, that is given when the request is sent again."""
_QUERY: Final[web.RequestKey[Mapping[str, Any]]] = web.RequestKey("query", Mapping)
_TAG: Final = re.compile(r'(W/)?"([!-~]*)"')
_KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag")


def served(endpoint: Endpoint) -> Handler:
    """The handler of an endpoint behind all checks."""

    async def serve(request: web.Request) -> web.StreamResponse:
        identity = identity_of(request)
        if identity is not None:
            _admit(endpoint, identity, request)
        request[_QUERY] = read_query(request, endpoint.query)
        if endpoint.if_match and "If-Match" not in request.headers:
            raise Problem(
                HTTPStatus.PRECONDITION_REQUIRED,
                "If-Match is required: the ETag that you read, or * for whatever is there",
            )
        key = request.headers.get("Idempotency-Key")
        if identity is None or key is None or not endpoint.idempotency:
            return await endpoint.handler(request)
        return await _once(endpoint, identity, key, request)

    return serve


def query_of(request: web.Request) -> Mapping[str, Any]:
    """The checked parameters."""
    return request[_QUERY]


def author_of(request: web.Request) -> str:
    """Who is written down as the one who changed something."""
    identity = identity_of(request)
    return "nobody" if identity is None else identity.name


def expected_revision(request: web.Request) -> int | None:
    """The revision that If-Match names; None for `*`. Raises Problem (412) where no revision can be meant."""
    text = request.headers.get("If-Match", "*").strip()
    if text == "*":
        return None
    tags = [_TAG.fullmatch(one.strip()) for one in text.split(",")]
    # RFC 9110 §13.1.1: the comparison is strong, a weak tag never matches.
    numbers = [one[2] for one in tags if one is not None and one[1] is None]
    if len(numbers) != 1 or not re.fullmatch(r"[0-9]{1,15}", numbers[0]):
        raise Problem(HTTPStatus.PRECONDITION_FAILED, f"If-Match: {text[:80]!r} is not the present ETag; read it again")
    return int(numbers[0])


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


def _admit(endpoint: Endpoint, identity: Identity, request: web.Request) -> None:
    """Whether this one may do that. Raises Problem: 404 for what it shall not know of, 403 for what it may not do."""
    for value in request.match_info.values():
        if len(value) > MOST_PATH_TEXT or not value.isprintable():
            raise Problem(HTTPStatus.NOT_FOUND, "there is no object of that name")
    tenant = request.match_info.get("tenant")
    if tenant is None:
        if not identity.platform:
            raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path[:200]}")
    elif not identity.reaches(tenant) or tenant not in request.app[RUNNING].configuration.snapshot.tenants:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no tenant {tenant[:32]!r}")
    if not endpoint.write:
        return
    if identity.read_only:
        raise Problem(HTTPStatus.FORBIDDEN, "the token is for reading only")
    if not identity.platform and not endpoint.tenant_writes:
        raise Problem(HTTPStatus.FORBIDDEN, "this takes a token of the platform")


async def _once(endpoint: Endpoint, identity: Identity, key: str, request: web.Request) -> web.StreamResponse:
    """Serve a request that may be sent again."""
    running, answers = request.app[RUNNING], request.app[STATE].answers
    now, who = running.clock.now(), identity.name
    digest = hashlib.sha256(f"{request.method} {request.path_qs}\n".encode() + await request.read()).hexdigest()
    known = answers.begin(who, key, digest, now)
    try:
        if known is None:
            known = answers.recall(who, key, digest, now, await recalled(running, who, key))
        if known is not None:
            again = {**dict(known.headers), "Idempotency-Replayed": "true"}
            return web.Response(status=known.status, body=known.body, headers=again)
        answer = await endpoint.handler(request)
    except BaseException:
        # A refusal changed nothing: the client may mend the request and keep the key.
        answers.drop(who, key)
        raise
    kept = answer.get(SHOWN_ONCE, answer)
    body = kept.body if isinstance(kept, web.Response) else None
    headers = tuple((name, answer.headers[name]) for name in _KEPT_HEADERS if name in answer.headers)
    given = Kept(
        at=now,
        digest=digest,
        status=answer.status,
        body=body if isinstance(body, bytes) else b"",
        headers=headers,
    )
    answers.end(who, key, given)
    await keep(running, who, key, given)
    return answer

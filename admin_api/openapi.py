"""OpenAPI: the description of the API (OpenAPI 3.1), made from the table that the router serves."""

from __future__ import annotations

import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.endpoint import BASE, Endpoint, Reply
from admin_api.endpoints import ENDPOINTS
from admin_api.problem import CONTENT_TYPE
from admin_api.running import RUNNING
from admin_api.schemas import Schema, components, ref

_ALWAYS: Final = (400, 401, 404, 429, 503)
_HEADERS: Final[dict[str, Schema]] = {
    "ETag": {"description": "The revision, for If-Match.", "schema": {"type": "string"}},
    "Location": {"description": "Where the new object is.", "schema": {"type": "string"}},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that was read, or * for whatever is there.",
    "schema": {"type": "string"},
}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same key within a day, the request is answered as the first time.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}


async def show_openapi(request: web.Request) -> web.Response:
    """GET /api/v1/openapi.json."""
    return web.Response(body=_text(request.app[RUNNING].version), content_type="application/json")


@cache
def _text(version: str) -> bytes:
    return json.dumps(document(version)).encode()


def document(version: str) -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(BASE + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cordboard",
            "version": version,
            "description": "Configuration, calls and history of a call server. Refusals are problem documents "
            "(RFC 9457). Tenants' tokens use the paths below `/tenants/{tenant}` of their own tenant.",
        },
        "paths": paths,
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "cbt_..."}},
            "schemas": components(),
        },
    }


def _operation(endpoint: Endpoint) -> Schema:
    found: Schema = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": _rights(endpoint),
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.content is not None:
        shape: Schema = {"schema": endpoint.content.schema}
        if endpoint.content.example:
            shape["example"] = endpoint.content.example
        found["requestBody"] = {"required": True, "content": dict.fromkeys(endpoint.content.types, shape)}
    return found


def _rights(endpoint: Endpoint) -> str:
    if not endpoint.scoped:
        return "For tokens of the platform." + (" Not for read-only ones." if endpoint.write else "")
    if not endpoint.write:
        return "For tokens of the platform and of this tenant."
    who = "the platform and of this tenant" if endpoint.tenant_writes else "the platform"
    return f"For tokens of {who}, but not for read-only ones."


def _parameters(endpoint: Endpoint) -> list[Schema]:
    found: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 128}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    found += [
        {"name": one.name, "in": "query", "required": one.required, "description": one.about, "schema": one.schema()}
        for one in endpoint.query
    ]
    return found + ([_IF_MATCH] if endpoint.if_match else []) + ([_IDEMPOTENCY] if endpoint.idempotency else [])


def _responses(endpoint: Endpoint) -> Schema:
    found = {str(status): _response(reply) for status, reply in endpoint.replies.items()}
    statuses = {*_ALWAYS, *endpoint.problems}
    if endpoint.write:
        statuses |= {403, 409}
    if endpoint.query or endpoint.content or endpoint.idempotency:
        statuses.add(422)
    if endpoint.content is not None:
        statuses |= {413, 415}
    if endpoint.if_match:
        statuses |= {412, 428}
    for status in sorted(statuses):
        found[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": ref("Problem")}},
        }
    return found


def _response(reply: Reply) -> Schema:
    found: dict[str, Any] = {"description": reply.about}
    if reply.schema is not None:
        found["content"] = {reply.type: {"schema": reply.schema}}
    if reply.headers:
        found["headers"] = {name: _HEADERS[name] for name in reply.headers}
    return found

"""Configuration: documents in and out, and the history, for the command line and for programs of the platform."""

from __future__ import annotations

import pwd
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.body import JSON_TYPES, check_type
from admin_api.peer import uid_of
from admin_api.problem import CONTENT_TYPE, Problem
from admin_api.query import Param
from admin_api.running import CHANGE_S, RUNNING, asked
from admin_api.serving import author_of, query_of
from pbx.config_object import Outcome
from pbx.records.configuration_client import Told

MAX_BODY: Final = 80 << 20
"""Bytes of documents in one request: a file has 64 MB at the most, and JSON makes it longer."""
DOCUMENTS_S: Final = 300.0
"""How long documents may take; who gives up waiting does not stop them."""
PRUNE: Final = Param(name="prune", about="delete what the documents do not name", kind="boolean", default=False)
TENANT: Final = Param(name="tenant", about="what belongs to this tenant alone")
VERSION: Final = Param(name="version", about="the version to go back to", kind="integer", high=1 << 31, required=True)


async def apply_documents(request: web.Request) -> web.Response:
    """POST: everything that the documents name becomes what they say, or nothing changes."""
    return await _apply(request, dry_run=query_of(request)["dry_run"])


async def compare_documents(request: web.Request) -> web.Response:
    """POST: what `apply` would change."""
    return await _apply(request, dry_run=True)


async def check_documents(request: web.Request) -> web.Response:
    """POST: what is wrong with documents, whatever is configured here."""
    body = await _body(request)
    return _told(await asked(request.app[RUNNING].configuration_store.check(body), DOCUMENTS_S))


async def _apply(request: web.Request, *, dry_run: bool) -> web.Response:
    store, prune, body = request.app[RUNNING].configuration_store, query_of(request)["prune"], await _body(request)
    return _told(await asked(store.apply(body, by=author(request), prune=prune, dry_run=dry_run), DOCUMENTS_S))


def _told(told: Told) -> web.Response:
    if told.refused:
        return web.Response(body=told.answer, status=HTTPStatus.UNPROCESSABLE_ENTITY, content_type=CONTENT_TYPE)
    return web.Response(body=told.answer, content_type="application/json")


async def export_documents(request: web.Request) -> web.Response:
    """GET: everything, or what belongs to one `tenant`, as a YAML document."""
    store, tenant = request.app[RUNNING].configuration_store, query_of(request)["tenant"]
    text = await asked(store.export(tenant), CHANGE_S, refused=HTTPStatus.NOT_FOUND)
    return web.Response(body=text, content_type="application/yaml", charset="utf-8")


async def list_history(request: web.Request) -> web.Response:
    """GET: the versions, the newest first."""
    versions = await asked(request.app[RUNNING].configuration_store.versions(query_of(request)["limit"]))
    rows = [
        {
            "version": one.number,
            "at": datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "by": one.by,
            "summary": one.summary,
            "restorable": one.restorable,
        }
        for one in versions
    ]
    return web.json_response({"versions": rows})


async def restore_history(request: web.Request) -> web.Response:
    """POST: a new version that says what version N said."""
    store, query = request.app[RUNNING].configuration_store, query_of(request)
    number, dry_run = query["version"], query["dry_run"]
    restored = store.restore(number, by=author(request), dry_run=dry_run)
    outcome = await asked(restored, CHANGE_S, refused=HTTPStatus.CONFLICT)
    if outcome.faults:
        faults = "; ".join(map(str, outcome.faults[:5]))
        raise Problem(HTTPStatus.CONFLICT, f"version {number} does not fit this release: {faults}")
    return web.json_response(_counts(outcome) | {"dry_run": dry_run})


def author(request: web.Request) -> str:
    """Who is written down: by name who came over the control socket, else the token."""
    uid = uid_of(request)
    if uid is None:
        return author_of(request)
    try:
        return f"{pwd.getpwuid(uid).pw_name} (command line)"
    except KeyError:
        return f"user {uid} (command line)"


async def _body(request: web.Request) -> bytes:
    """The body, unread. Raises Problem (413, 415)."""
    check_type(request, JSON_TYPES)
    found = bytearray()
    async for part in request.content.iter_any():
        found += part
        if len(found) > MAX_BODY:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the documents are over {MAX_BODY} bytes; split them")
    return bytes(found)


def _counts(outcome: Outcome) -> dict[str, Any]:
    return {
        "version": outcome.version,
        "added": outcome.added,
        "changed": outcome.changed,
        "deleted": outcome.deleted,
        "warnings": list(outcome.warnings),
    }

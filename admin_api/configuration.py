"""Configuration: documents in and out, the history, for the command line by way of the control socket."""

from __future__ import annotations

import pwd
from collections.abc import Awaitable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import web

from admin_api.peer import uid_of
from admin_api.problem import CONTENT_TYPE, Handler, Problem
from admin_api.running import RUNNING
from pbx.config_object import Outcome
from pbx.records.client import RecordsError
from pbx.records.configuration_client import QueryError

T = TypeVar("T")
MAX_BODY: Final = 80 << 20
"""Bytes of documents in one request: a file has 64 MB at the most, and JSON makes it longer."""
MOST_VERSIONS: Final = 500


async def apply_documents(request: web.Request) -> web.Response:
    """POST /configuration/apply: everything that the documents name becomes what they say, or nothing changes.

    `prune=true` deletes what they do not name, `dry_run=true` changes nothing and says what would change.
    """
    return await _apply(request, dry_run=_switch(request, "dry_run"))


async def compare_documents(request: web.Request) -> web.Response:
    """POST /configuration/diff: what `apply` would change."""
    return await _apply(request, dry_run=True)


async def _apply(request: web.Request, *, dry_run: bool) -> web.Response:
    store, prune = request.app[RUNNING].configuration_store, _switch(request, "prune")
    told = await _answer(store.apply(await _body(request), by=author(request), prune=prune, dry_run=dry_run))
    if told.refused:
        return web.Response(body=told.answer, status=HTTPStatus.UNPROCESSABLE_ENTITY, content_type=CONTENT_TYPE)
    return web.Response(body=told.answer, content_type="application/json")


async def export_documents(request: web.Request) -> web.Response:
    """GET /configuration/export: everything, or what belongs to one `tenant`, as a YAML document."""
    try:
        text = await _answer(request.app[RUNNING].configuration_store.export(request.query.get("tenant")))
    except QueryError as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
    return web.Response(body=text, content_type="application/yaml", charset="utf-8")


async def list_history(request: web.Request) -> web.Response:
    """GET /configuration/versions: the newest first."""
    text = request.query.get("limit", "50")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_VERSIONS):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"limit: {text[:20]!r} is not within 1-{MOST_VERSIONS}")
    versions = await _answer(request.app[RUNNING].configuration_store.versions(int(text)))
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
    """POST /configuration/restore?version=N: a new version that says what version N said."""
    text, store = request.query.get("version", ""), request.app[RUNNING].configuration_store
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"version: {text[:20]!r} is not the number of a version")
    dry_run = _switch(request, "dry_run")
    try:
        outcome = await _answer(store.restore(int(text), by=author(request), dry_run=dry_run))
    except QueryError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from error
    if outcome.faults:
        faults = "; ".join(map(str, outcome.faults[:5]))
        raise Problem(HTTPStatus.CONFLICT, f"version {text} does not fit this release: {faults}")
    return web.json_response(_counts(outcome) | {"dry_run": dry_run})


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", "/api/v1/configuration/apply", apply_documents),
    ("POST", "/api/v1/configuration/diff", compare_documents),
    ("GET", "/api/v1/configuration/export", export_documents),
    ("GET", "/api/v1/configuration/versions", list_history),
    ("POST", "/api/v1/configuration/restore", restore_history),
)
"""For the control socket alone: who gets there has the platform's rights."""


def author(request: web.Request) -> str:
    """Who is at the other end of the control socket, for the history."""
    uid = uid_of(request)
    if uid is None:
        return "control socket"
    try:
        return f"{pwd.getpwuid(uid).pw_name} (command line)"
    except KeyError:
        return f"user {uid} (command line)"


async def _answer(question: Awaitable[T]) -> T:
    try:
        return await question
    except RecordsError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


async def _body(request: web.Request) -> bytes:
    """The body, unread. Raises Problem (413)."""
    found = bytearray()
    async for part in request.content.iter_any():
        found += part
        if len(found) > MAX_BODY:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the documents are over {MAX_BODY} bytes; split them")
    return bytes(found)


def _switch(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "false")
    if text not in ("true", "false"):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {text[:20]!r} is neither true nor false")
    return text == "true"


def _counts(outcome: Outcome) -> dict[str, Any]:
    return {
        "version": outcome.version,
        "added": outcome.added,
        "changed": outcome.changed,
        "deleted": outcome.deleted,
        "warnings": list(outcome.warnings),
    }

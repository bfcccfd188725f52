"""Versions: the history of the configuration, and the way back."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from admin_api.outcome import preview, refusal
from admin_api.problem import Problem
from admin_api.resource import Json
from admin_api.running import CHANGE_S, RUNNING, asked
from admin_api.serving import author_of, query_of
from pbx.config_object import Version
from pbx.records.object_view import time_text


async def list_versions(request: web.Request) -> web.Response:
    """GET: the newest first."""
    found = await asked(request.app[RUNNING].configuration_store.versions(query_of(request)["limit"]))
    return web.json_response({"items": [_shown(one) for one in found], "next": None, "total": len(found)})


async def restore_version(request: web.Request) -> web.Response:
    """POST: everything becomes what it was in that version, as a new version."""
    running, query = request.app[RUNNING], query_of(request)
    text = request.match_info["version"]
    versions = await asked(running.configuration_store.versions(500))
    known = {one.number: one for one in versions}
    version = known.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 16 else None
    if version is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no version {text!r}")
    if not version.restorable:
        raise Problem(HTTPStatus.CONFLICT, f"version {text} is too old: what it held is not kept any more")
    outcome = await asked(
        running.configuration_store.restore(version.number, by=author_of(request), dry_run=query["dry_run"]),
        CHANGE_S,
    )
    if outcome.faults:
        raise refusal(outcome.faults)
    return web.json_response(preview(outcome))


def _shown(version: Version) -> Json:
    return {
        "version": version.number,
        "at": time_text(version.at_ms),
        "by": version.by,
        "summary": version.summary,
        "restorable": version.restorable,
    }

"""Devices: the accounts of an extension, each as an object of its own; the store keeps them in their extension."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from admin_api.body import PATCH_TYPES, read_json
from admin_api.endpoint import BASE
from admin_api.merge_patch import merge_patch
from admin_api.outcome import preview, refusal
from admin_api.problem import FieldError, Problem
from admin_api.resource import Json, validated, wrong_fields
from admin_api.running import CHANGE_S, RUNNING, asked
from admin_api.serving import author_of, etag, expected_revision, query_of
from pbx.config_object import Outcome, StoredObject, Upsert
from pbx.records.object_view import META, SECRETS, device_view, meta
from pbx.schema.tenant import Device

TRIES = 3
"""How often a new device is put beside those that others add at the same moment."""


async def list_devices(request: web.Request) -> web.Response:
    """GET: the devices of an extension."""
    stored = await _extension(request)
    rows = [_shown(stored, one) for one in _devices(stored)]
    return web.json_response({"items": rows, "next": None, "total": len(rows)})


async def create_device(request: web.Request) -> web.Response:
    """POST: one more device."""
    document = _document(await read_json(request))
    validated(Device, document, json.dumps(document).encode())
    for left in range(TRIES - 1, -1, -1):
        stored = await _extension(request)
        name = document.get("username") or stored.key
        if any(_name(one, stored) == name for one in _devices(stored)):
            raise Problem(HTTPStatus.CONFLICT, f"device {name} of extension {stored.key} exists already")
        outcome = await _write(request, stored, [*_devices(stored), document], stored.revision)
        if not left or not any(fault.code == "stale" for fault in outcome.faults):
            break
    return await _told(request, outcome, stored, name, HTTPStatus.CREATED)


async def show_device(request: web.Request) -> web.Response:
    """GET of a device."""
    stored = await _extension(request)
    return _answer(stored, _find(request, stored), HTTPStatus.OK)


async def replace_device(request: web.Request) -> web.Response:
    """PUT: what the document leaves out becomes default, but for the password."""
    document = _document(await read_json(request))
    return await _change(request, lambda known: document)


async def patch_device(request: web.Request) -> web.Response:
    """PATCH by a merge patch (RFC 7396)."""
    patch, _ = await read_json(request, PATCH_TYPES)
    if not isinstance(patch, dict):
        raise wrong_fields([FieldError(field="", message="a merge patch of an object is an object")])
    plain = {name: value for name, value in patch.items() if name != META}
    return await _change(request, lambda known: merge_patch(_open(known), plain))


async def delete_device(request: web.Request) -> web.Response:
    """DELETE of a device; it is registered no more."""
    stored = await _extension(request)
    gone = _find(request, stored)
    rest = [one for one in _devices(stored) if one is not gone]
    outcome = await _write(request, stored, rest, _expected(request, stored))
    if outcome.faults:
        raise refusal(outcome.faults, stored.name)
    if query_of(request)["dry_run"]:
        return web.json_response(preview(outcome))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _change(request: web.Request, edit: Callable[[Json], Json]) -> web.Response:
    stored = await _extension(request)
    known = _find(request, stored)
    name = _name(known, stored)
    document = edit(known)
    if document.setdefault("username", name) != name:
        message = f"{name} cannot become {str(document['username'])[:64]}: make a new device"
        raise wrong_fields([FieldError(field="username", message=message, allowed=name)])
    validated(Device, document, json.dumps(document).encode())
    if not known.get("username"):
        del document["username"]
    devices = [document if one is known else one for one in _devices(stored)]
    outcome = await _write(request, stored, devices, _expected(request, stored))
    return await _told(request, outcome, stored, name, HTTPStatus.OK)


def _document(read: tuple[Any, bytes]) -> Json:
    if not isinstance(read[0], dict):
        raise wrong_fields([FieldError(field="", message="the document must be an object", allowed="an object")])
    return {name: value for name, value in read[0].items() if name != META}


def _open(device: Json) -> Json:
    """A device without its secrets: those that it has are kept by the store."""
    return {name: value for name, value in device.items() if name not in SECRETS}


def _expected(request: web.Request, stored: StoredObject) -> int:
    expected = expected_revision(request)
    return stored.revision if expected is None else expected


def _devices(stored: StoredObject) -> list[Json]:
    found: list[Json] = stored.body.get("devices", [])
    return found


def _name(device: Json, stored: StoredObject) -> str:
    return str(device.get("username") or stored.key)


def _shown(stored: StoredObject, device: Json) -> Json:
    return device_view(device, stored.key) | {META: meta(stored)}


def _find(request: web.Request, stored: StoredObject) -> Json:
    name = request.match_info["device"]
    for one in _devices(stored):
        if _name(one, stored) == name:
            return one
    raise Problem(HTTPStatus.NOT_FOUND, f"extension {stored.key} has no device {name!r}")


async def _extension(request: web.Request) -> StoredObject:
    number = request.match_info["extension"]
    store = request.app[RUNNING].configuration_store
    stored = await asked(store.get("extension", request.match_info["tenant"], number))
    if stored is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no extension {number!r}")
    return stored


async def _write(request: web.Request, stored: StoredObject, devices: list[Json], expected: int) -> Outcome:
    # A document of the request may bring a password; the others keep what they have.
    body = {**stored.body, "devices": [one if "password" in one or "ha1" in one else _open(one) for one in devices]}
    wish = Upsert(
        kind="extension", tenant=stored.tenant, key=stored.key, body=body, expected=expected, keep_secrets=True
    )
    return await asked(
        request.app[RUNNING].configuration_store.change(
            upserts=[wish], by=author_of(request), dry_run=query_of(request)["dry_run"]
        ),
        CHANGE_S,
    )


async def _told(
    request: web.Request, outcome: Outcome, stored: StoredObject, name: str, status: HTTPStatus
) -> web.Response:
    if outcome.faults:
        raise refusal(outcome.faults, stored.name)
    if query_of(request)["dry_run"]:
        return web.json_response(preview(outcome))
    fresh = await _extension(request)
    device = next((one for one in _devices(fresh) if _name(one, fresh) == name), None)
    if device is None:
        raise Problem(HTTPStatus.CONFLICT, f"device {name} was deleted meanwhile")
    return _answer(fresh, device, status)


def _answer(stored: StoredObject, device: Json, status: HTTPStatus) -> web.Response:
    headers = {"ETag": etag(stored.revision)}
    if status is HTTPStatus.CREATED:
        parts = (BASE, "tenants", stored.tenant, "extensions", stored.key, "devices", _name(device, stored))
        headers["Location"] = "/".join([BASE, *(quote(part, safe="") for part in parts[1:])])
    return web.json_response(_shown(stored, device), status=status, headers=headers)

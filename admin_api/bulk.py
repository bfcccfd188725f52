"""Bulk: many new objects by one request, with a result for each row."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from aiohttp import web

from admin_api.outcome import rows_of
from admin_api.problem import FieldError, Problem
from admin_api.resource import Json, Resource, named, validated
from admin_api.running import CHANGE_S, RUNNING, asked
from admin_api.serving import author_of, query_of
from pbx.config_object import ObjectKey, Upsert

MOST_ROWS = 1000
Errors = dict[int, list[FieldError]]


async def create_many(resource: Resource, request: web.Request, documents: list[Json]) -> web.Response:
    """Create all (`atomic`, the default) or those that can be; 422 where an atomic one cannot, else 200 or 207."""
    if not 1 <= len(documents) <= MOST_ROWS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{len(documents)} rows are not within 1-{MOST_ROWS}")
    names = [named(resource, request.match_info.get("tenant", ""), one) for one in documents]
    errors = _wrong(resource, documents, names)
    atomic: bool = query_of(request)["atomic"]
    while len(errors) < len(documents) and not (atomic and errors):
        wishes = [
            Upsert(kind=resource.kind, tenant=name.tenant, body=document, expected=0)
            for index, (name, document) in enumerate(zip(names, documents, strict=True))
            if index not in errors
        ]
        outcome = await asked(
            request.app[RUNNING].configuration_store.change(
                upserts=wishes, by=author_of(request), dry_run=query_of(request)["dry_run"]
            ),
            CHANGE_S,
        )
        if not outcome.faults:
            break
        found = rows_of(resource, names, outcome.faults)
        fresh = {index: one for index, one in found.items() if index >= 0 and index not in errors}
        if not fresh:  # A fault of no row: it is everybody's.
            fresh = {index: found[-1] for index in range(len(documents)) if index not in errors}
        errors |= fresh
    return _answer(names, errors, atomic=atomic)


def _wrong(resource: Resource, documents: list[Json], names: list[ObjectKey]) -> Errors:
    """What is wrong with rows as they are, before the store is asked."""
    errors: Errors = {}
    first: dict[ObjectKey, int] = {}
    for index, (name, document) in enumerate(zip(names, documents, strict=True)):
        try:
            validated(resource.model, document, json.dumps(document).encode())
        except Problem as problem:
            errors[index] = list(problem.errors)
            continue
        if first.setdefault(name, index) != index:
            errors[index] = [FieldError(field=resource.key, message=f"row {first[name]} has the same key")]
    return errors


def _answer(names: list[ObjectKey], errors: Errors, *, atomic: bool) -> web.Response:
    done = 0 if atomic and errors else len(names) - len(errors)
    rows: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        wrong = errors.get(index, [])
        state = "refused" if wrong else "created" if done else "not_tried"
        rows.append(
            {
                "row": index,
                "key": name.key,
                "result": state,
                "errors": [{"field": one.field, "message": one.message, "allowed": one.allowed} for one in wrong],
            }
        )
    if atomic and errors:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{len(errors)} of {len(names)} rows cannot be created, so none was",
            extra={"done": 0, "rows": rows},
        )
    status = HTTPStatus.MULTI_STATUS if errors else HTTPStatus.OK
    return web.json_response({"done": done, "rows": rows}, status=status)

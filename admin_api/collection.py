"""Collection: list, create, read, replace, patch and delete, the same for every resource of the table."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from admin_api.body import PATCH_TYPES, read_json
from admin_api.bulk import create_many
from admin_api.endpoint import BASE
from admin_api.merge_patch import merge_patch
from admin_api.outcome import preview, refusal
from admin_api.problem import FieldError, Problem
from admin_api.resource import Json, Resource, named, validated, wrong_fields
from admin_api.running import CHANGE_S, RUNNING, asked
from admin_api.serving import author_of, etag, expected_revision, query_of
from pbx.config_object import Deletion, Filter, ObjectKey, Outcome, StoredObject, Upsert
from pbx.records.object_view import META, object_view


class Collection:
    """The handlers of one resource."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    async def list(self, request: web.Request) -> web.Response:
        """GET of the collection: a page in order of the key."""
        resource, query = self._resource, query_of(request)
        store = request.app[RUNNING].configuration_store
        filters = [
            Filter(field=one.name, op=one.compare, value=query[one.name])
            for one in resource.filters
            if query[one.name] is not None
        ]
        page = await asked(
            store.list_views(
                resource.kind,
                request.match_info.get("tenant", query.get("tenant")),
                filters=filters,
                cursor=query["cursor"],
                limit=query["limit"],
                sort=query["sort"],
            )
        )
        return web.Response(body=page, content_type="application/json")

    async def create(self, request: web.Request) -> web.Response:
        """POST to the collection: one object, or a list of them."""
        document, _ = await read_json(request)
        if isinstance(document, list):
            return await create_many(self._resource, request, [self.document(request, one) for one in document])
        document = self.document(request, document)
        self._validate(document)
        name = self.name_of(request, document)
        outcome = await self._change(request, self._upsert(name, document, 0))
        if outcome.faults:
            raise refusal(outcome.faults, name, creating=True)
        if query_of(request)["dry_run"]:
            return web.json_response(preview(outcome))
        return await self._answer(request, name, HTTPStatus.CREATED)

    async def read(self, request: web.Request) -> web.Response:
        """GET of an object."""
        return await self._answer(request, self._named(request), HTTPStatus.OK)

    async def replace(self, request: web.Request) -> web.Response:
        """PUT: what the document leaves out becomes default; a device without a password keeps its own."""
        document, _ = await read_json(request)
        stored = await self._stored(request)
        return await self._put(request, stored, self._with_key(request, self.document(request, document)))

    async def patch(self, request: web.Request) -> web.Response:
        """PATCH: the document changed by a merge patch (RFC 7396)."""
        patch, _ = await read_json(request, PATCH_TYPES)
        if not isinstance(patch, dict):
            raise wrong_fields([FieldError(field="", message="a merge patch of an object is an object")])
        stored = await self._stored(request)
        present = object_view(stored)
        document = merge_patch({name: value for name, value in present.items() if name != META}, patch)
        return await self._put(request, stored, self._with_key(request, self.document(request, document)))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE: refused while other objects refer to it."""
        stored = await self._stored(request)
        wish = Deletion(kind=stored.kind, tenant=stored.tenant, key=stored.key, expected=expected_revision(request))
        outcome = await asked(
            request.app[RUNNING].configuration_store.change(
                deletes=[wish], by=author_of(request), dry_run=query_of(request)["dry_run"]
            ),
            CHANGE_S,
        )
        if outcome.faults:
            raise refusal(outcome.faults, stored.name)
        if query_of(request)["dry_run"]:
            return web.json_response(preview(outcome))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _put(self, request: web.Request, stored: StoredObject, document: Json) -> web.Response:
        self._validate(document)
        expected = expected_revision(request)
        upsert = self._upsert(stored.name, document, stored.revision if expected is None else expected)
        outcome = await self._change(request, upsert)
        if outcome.faults:
            raise refusal(outcome.faults, stored.name)
        if query_of(request)["dry_run"]:
            return web.json_response(preview(outcome))
        return await self._answer(request, stored.name, HTTPStatus.OK)

    def document(self, request: web.Request, document: Any) -> Json:
        """A document of a request as the store takes it. Raises Problem (422) for what is none."""
        owner = self._resource.owner
        if not isinstance(document, dict):
            raise wrong_fields([FieldError(field="", message="the document must be an object", allowed="an object")])
        found = {name: value for name, value in document.items() if name != META}
        if owner is not None:
            tenant = request.match_info["tenant"]
            if found.setdefault(owner, tenant) != tenant:
                raise wrong_fields([FieldError(field=owner, message="the path names the tenant", allowed=tenant)])
        return found

    def _with_key(self, request: web.Request, document: Json) -> Json:
        """The document of an existing object: its key may be left out, not changed."""
        key, resource = request.match_info[self._resource.part], self._resource
        if resource.kind == "did":
            number, _, trunk = key.partition("@")
            document.setdefault("number", number)
            document.setdefault("trunk", trunk or None)
        else:
            document.setdefault(resource.key, key)
        named = self.name_of(request, document)
        if named.key != key:
            message = f"{key} cannot become {named.key[:80]}: the key of an object stays; make a new one"
            raise wrong_fields([FieldError(field=resource.key, message=message, allowed=key)])
        return document

    def _validate(self, document: Json) -> None:
        validated(self._resource.model, document, json.dumps(document).encode())

    def name_of(self, request: web.Request, document: Json) -> ObjectKey:
        """What names the object of a document."""
        return named(self._resource, request.match_info.get("tenant", ""), document)

    def _upsert(self, name: ObjectKey, document: Json, expected: int) -> Upsert:
        return Upsert(
            kind=name.kind, tenant=name.tenant, key=name.key, body=document, expected=expected, keep_secrets=True
        )

    async def _change(self, request: web.Request, upsert: Upsert) -> Outcome:
        return await asked(
            request.app[RUNNING].configuration_store.change(
                upserts=[upsert], by=author_of(request), dry_run=query_of(request)["dry_run"]
            ),
            CHANGE_S,
        )

    def _named(self, request: web.Request) -> ObjectKey:
        tenant = request.match_info["tenant"] if self._resource.scoped else ""
        return ObjectKey(self._resource.kind, tenant, request.match_info[self._resource.part])

    async def _stored(self, request: web.Request) -> StoredObject:
        return await self._find(request, self._named(request))

    async def _find(self, request: web.Request, name: ObjectKey) -> StoredObject:
        """The living object of that name, of the tenant that the path names. Raises Problem (404)."""
        stored = await asked(request.app[RUNNING].configuration_store.get(*name))
        if stored is None or not self._reached(request, stored.owner):
            raise self._missing(name)
        return stored

    async def _answer(self, request: web.Request, name: ObjectKey, status: HTTPStatus) -> web.Response:
        view = await asked(request.app[RUNNING].configuration_store.view(*name))
        if view is None or not self._reached(request, view.owner):
            raise self._missing(name)
        headers = {"ETag": etag(view.revision)}
        if status is HTTPStatus.CREATED:
            parts = self._resource.path.format(tenant=request.match_info.get("tenant", ""))
            headers["Location"] = f"{BASE}{parts}/{quote(name.key, safe='')}"
        return web.Response(body=view.body, content_type="application/json", status=status, headers=headers)

    def _reached(self, request: web.Request, owner: str | None) -> bool:
        """Whether an object belongs to the tenant that the path names."""
        return request.match_info.get("tenant", owner) == owner

    def _missing(self, name: ObjectKey) -> Problem:
        return Problem(HTTPStatus.NOT_FOUND, f"there is no {self._resource.noun} {name.key!r}")

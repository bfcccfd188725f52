"""Tokens: who may use the API over TCP; a secret is shown once, when its token is made."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_network
from typing import Annotated

from aiohttp import web
from pydantic import Field

from admin_api.body import read_json
from admin_api.endpoint import BASE
from admin_api.identity import identity_of
from admin_api.outcome import refusal
from admin_api.problem import FieldError, Problem
from admin_api.query import Param
from admin_api.resource import Json, validated, wrong_fields
from admin_api.running import CHANGE_S, RUNNING, asked
from admin_api.secret_text import make_secret
from admin_api.serving import SHOWN_ONCE, author_of, etag, query_of
from admin_api.state import STATE
from pbx.config_object import Deletion, StoredObject, Upsert
from pbx.records.object_view import META, meta, time_text
from pbx.schema.token import Token
from pbx.schema.values import DisplayName, Model, Network

DAY_MS = 86_400_000


class TokenWish(Model):
    """A new token. `expires_days` null: it never expires; `allowed_nets` empty: from everywhere."""

    name: DisplayName | None = None
    read_only: bool = False
    expires_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    allowed_nets: Annotated[tuple[Network, ...], Field(max_length=100)] = ()


async def list_tokens(request: web.Request) -> web.Response:
    """GET: tokens, without what they are."""
    query = query_of(request)
    owner = request.match_info.get("tenant", query.get("tenant"))
    page = await asked(
        request.app[RUNNING].configuration_store.list(
            "token",
            owner,
            cursor=query["cursor"],
            limit=query["limit"],
            sort="key",
        )
    )
    rows = [_shown(request, one) for one in page.objects]
    return web.json_response({"items": rows, "next": page.cursor, "total": page.total})


async def create_token(request: web.Request) -> web.Response:
    """POST: a token of the platform, or of the tenant that the path names."""
    running = request.app[RUNNING]
    document, raw = await read_json(request)
    if not isinstance(document, dict):
        raise wrong_fields([FieldError(field="", message="the document must be an object", allowed="an object")])
    validated(TokenWish, document, raw)
    wish = TokenWish.model_validate(document)
    now_ms = running.clock.wall_ns() // 1_000_000
    expires_at_ms = None if wish.expires_days is None else now_ms + wish.expires_days * DAY_MS
    _no_more_than_own(request, wish, expires_at_ms)
    secret = make_secret(request.app[STATE].choose)
    token = Token(
        id=secret.id,
        name=wish.name,
        tenant=request.match_info.get("tenant"),
        read_only=wish.read_only,
        sha256=secret.sha256,
        expires_at_ms=expires_at_ms,
        allowed_nets=wish.allowed_nets,
    )
    upsert = Upsert(kind="token", key=token.id, body=token.model_dump(mode="json", exclude_defaults=True), expected=0)
    outcome = await asked(
        running.configuration_store.change(upserts=[upsert], by=author_of(request), dry_run=False),
        CHANGE_S,
    )
    if outcome.faults:
        raise refusal(outcome.faults, creating=True)
    shown = _shown(request, await _find(request, token.id))
    answer = web.json_response(shown | {"secret": secret.text}, status=HTTPStatus.CREATED)
    answer.headers["Location"] = f"{BASE}{request.path.removeprefix(BASE)}/{token.id}"
    answer[SHOWN_ONCE] = web.json_response(shown | {"secret": None}, status=HTTPStatus.CREATED)
    return answer


def _no_more_than_own(request: web.Request, wish: TokenWish, expires_at_ms: int | None) -> None:
    """A token makes none that outlives it, or that works where it does not itself. Raises Problem (422)."""
    identity = identity_of(request)
    own = None if identity is None else request.app[RUNNING].configuration.snapshot.tokens.get(identity.token or "")
    if own is None:
        return
    if own.expires_at_ms is not None and (expires_at_ms is None or expires_at_ms > own.expires_at_ms):
        until = time_text(own.expires_at_ms)
        raise wrong_fields(
            [FieldError(field="expires_days", message="it would outlive your own token", allowed=f"until {until}")]
        )
    nets = [ip_network(net) for net in own.allowed_nets]
    within = all(
        any(one.version == net.version and one.subnet_of(net) for net in nets)  # type: ignore[arg-type]
        for one in map(ip_network, wish.allowed_nets)
    )
    if nets and not (wish.allowed_nets and within):
        message = "it would work where your own token does not"
        raise wrong_fields([FieldError(field="allowed_nets", message=message, allowed=" | ".join(own.allowed_nets))])


async def show_token(request: web.Request) -> web.Response:
    """GET of a token."""
    stored = await _find(request, request.match_info["token"])
    return web.json_response(_shown(request, stored), headers={"ETag": etag(stored.revision)})


async def revoke_token(request: web.Request) -> web.Response:
    """DELETE: it opens nothing from now on."""
    stored = await _find(request, request.match_info["token"])
    outcome = await asked(
        request.app[RUNNING].configuration_store.change(
            deletes=[Deletion(kind="token", key=stored.key)], by=author_of(request), dry_run=False
        ),
        CHANGE_S,
    )
    if outcome.faults:
        raise refusal(outcome.faults, stored.name)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _find(request: web.Request, token: str) -> StoredObject:
    stored = await asked(request.app[RUNNING].configuration_store.get("token", "", token))
    tenant = request.match_info.get("tenant")
    if stored is None or (tenant is not None and stored.owner != tenant):
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no token {token!r}")
    return stored


def _shown(request: web.Request, stored: StoredObject) -> Json:
    body = stored.body
    expires_at_ms, used_ms = body.get("expires_at_ms"), request.app[STATE].tokens.last_used_ms(stored.key)
    return {
        "id": stored.key,
        "name": body.get("name"),
        "role": "platform" if stored.owner is None else "tenant",
        "tenant": stored.owner,
        "read_only": body.get("read_only", False),
        "expires_at": None if expires_at_ms is None else time_text(expires_at_ms),
        "allowed_nets": body.get("allowed_nets", []),
        "last_used": None if used_ms is None else time_text(used_ms),
        META: meta(stored),
    }


OF_TENANT = Param(name="tenant", about="tokens of this tenant alone", pattern="[a-z0-9-]{2,32}")

"""Tokens of the API: only their hash is kept; they live in the store alone, never in documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pbx.schema.values import DisplayName, Model, Network, TenantKey, TokenHash, TokenName


class Token(Model):
    """A key to the API. `tenant` None reaches all tenants; `sha256` is the hash of the secret, in hexadecimal.

    `id` is part of the secret's text and no secret itself; `allowed_nets` empty: it may be used from everywhere.
    """

    id: TokenName
    name: DisplayName | None = None
    tenant: TenantKey | None = None
    read_only: bool = False
    sha256: TokenHash = Field(repr=False)
    expires_at_ms: Annotated[int, Field(ge=0)] | None = None
    allowed_nets: Annotated[tuple[Network, ...], Field(max_length=100)] = ()

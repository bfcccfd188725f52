"""Tokens of the API: only their hash is kept; they live in the store alone, never in documents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pbx.schema.values import Model, TenantKey, TokenHash, TokenName


class Token(Model):
    """A key to the API. `tenant` None reaches all tenants; `sha256` is the hash of the secret, in hexadecimal."""

    name: TokenName
    tenant: TenantKey | None = None
    role: Literal["admin", "operator", "viewer"] = "viewer"
    sha256: TokenHash = Field(repr=False)
    expires_at_ms: Annotated[int, Field(ge=0)] | None = None

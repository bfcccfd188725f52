"""Endpoint: one method of one path, said once: the router serves it, the OpenAPI document describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from admin_api.problem import Handler
from admin_api.query import Param

BASE: Final = "/api/v1"
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an endpoint may answer: in words, with the schema of its body (None: no body) and its content type."""

    about: str
    schema: Schema | None = None
    type: str = "application/json"
    headers: tuple[str, ...] = ()
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an endpoint takes: content types and the schema of the document."""

    types: tuple[str, ...]
    schema: Schema
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path below `/api/v1`.

    Paths below `/tenants/{tenant}` are for the platform and that tenant; all others are for the platform alone.
    `write`: not for read-only tokens; `tenant_writes`: tokens of the tenant may do it too. `params` describe the
    parts of the path in braces. `if_match`: the header is required (428 without it).
    """

    name: str
    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    write: bool = False
    tenant_writes: bool = False
    query: tuple[Param, ...] = ()
    content: Content | None = None
    replies: Mapping[int, Reply] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    if_match: bool = False
    idempotency: bool = False

    @property
    def scoped(self) -> bool:
        """Whether it belongs to one tenant, who may use it too."""
        return "{tenant}" in self.path

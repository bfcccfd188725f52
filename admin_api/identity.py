"""Identity: who asks, and what that one may do."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks. `tenant` None is the platform, which reaches all tenants; `token` None is the control socket.

    `name` is written down as the author of changes and never holds a secret.
    """

    name: str
    tenant: str | None = None
    read_only: bool = False
    token: str | None = None

    @property
    def platform(self) -> bool:
        """Whether it reaches all tenants."""
        return self.tenant is None

    def reaches(self, tenant: str) -> bool:
        """Whether objects of a tenant exist as far as this one can tell."""
        return self.tenant in (None, tenant)


_NAME: web.RequestKey[Identity] = web.RequestKey("identity", Identity)


def set_identity(request: web.Request, identity: Identity) -> None:
    """Note who asks."""
    request[_NAME] = identity


def identity_of(request: web.Request) -> Identity | None:
    """Who asks; None where nobody was asked to say so (`/healthz` and the like)."""
    return request.get(_NAME)

"""Events of registrations and of refused credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationChanged(Event):
    """A binding was added, refreshed, removed or expired (`action`); holds the whole binding.

    `received`, `local` are ip:port; `expires_at_ns` UTC nanoseconds; `path` the Path URIs in order
    (RFC 3327); `instance`, `reg_id` of RFC 5626; `call_id`, `cseq` order updates (RFC 3261 §10.3).
    """

    code: ClassVar[int] = 30
    type: ClassVar[str] = "registration.changed"

    tenant: str
    device: str
    aor: str
    contact: str
    action: str
    expires_at_ns: int
    received: str | None
    local: str | None
    transport: str
    instance: str | None
    reg_id: int | None
    path: tuple[str, ...]
    user_agent: str | None
    call_id: str
    cseq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationFailed(Event):
    """Credentials were refused `count` times since the last such event of this source and user."""

    code: ClassVar[int] = 31
    type: ClassVar[str] = "authentication.failed"

    tenant: str | None
    source: str
    user: str
    cause: str
    count: int

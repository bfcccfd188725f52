"""Registrar (RFC 3261 §10.3): REGISTER in, bindings kept, all contacts in the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pbx.authenticator import Authenticator
from pbx.clock import Clock
from pbx.location import Binding, Location
from sip.commands import Respond
from sip.flow import Flow
from sip.message import Request
from sip.name_addr import NameAddr
from sip.uri import SipUri, same_uri

if TYPE_CHECKING:
    from pbx.configuration import Configuration
    from pbx.snapshot import DeviceSnapshot
    from pbx.tenant import TenantView

MIN_EXPIRES_S = 60
MAX_EXPIRES_S = 3600
DEFAULT_EXPIRES_S = 3600


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 200 and 401."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class Registrar:
    """Answers REGISTER requests; `now` and UTC come from its clock."""

    def __init__(
        self, *, configuration: Configuration, location: Location, authenticator: Authenticator, clock: Clock
    ) -> None:
        self._configuration = configuration
        self._location = location
        self._authenticator = authenticator
        self._clock = clock
        self.accepted = 0

    def register(self, tx: int, request: Request, flow: Flow) -> Respond:
        """The whole of a REGISTER: domain, credentials, rights, expiry, store, answer."""
        tenant, realm = self._configuration.domain(request, flow)
        verdict = self._authenticator.check(request, tenant, realm, flow)
        if verdict.device is None or tenant is None:
            return Respond(tx=tx, status=401, headers=verdict.challenge)
        outcome = self._apply(request, flow, tenant, verdict.device)
        if isinstance(outcome, Refusal):
            return Respond(tx=tx, status=outcome.status, headers=outcome.headers)
        self.accepted += 1
        return Respond(tx=tx, status=200, headers=outcome)

    def _apply(
        self, request: Request, flow: Flow, tenant: TenantView, device: DeviceSnapshot
    ) -> Refusal | tuple[tuple[str, str], ...]:
        uri = request.to.uri
        if not isinstance(uri, SipUri) or not self._configuration.belongs(uri.host, tenant, flow):
            # RFC 3261 §10.3 step 5: the address of record is not of this domain.
            return Refusal(404)
        if tenant.device_of(uri.user or "") is not device:
            return Refusal(403)
        if not device.enabled:
            return Refusal(403)
        if flow.transport.lower() not in device.transports:
            return Refusal(403)
        key = (tenant.key, device.username)
        now = self._clock.now()
        present = self._location.of(key, now)
        if request.contact_is_star:
            return self._remove_all(request, present)
        changes = self._changes(request, flow, tenant, device, now)
        if isinstance(changes, Refusal):
            return changes
        known = {binding.key: _same_contact(binding, present) for binding, _ in changes}
        if any(one is not None and _is_late(request, one) for one in known.values()):
            # RFC 3261 §10.3 step 7: out of order, nothing is changed.
            return Refusal(500, (("retry-after", "1"),))
        for binding, expires_s in changes:
            former = known[binding.key]
            if former is not None and (not expires_s or former.key != binding.key):
                self._location.remove(former)
            if expires_s:
                self._location.store(binding, device.max_contacts, now)
        return self._answer(request, key, now)

    def _remove_all(self, request: Request, present: list[Binding]) -> Refusal | tuple[tuple[str, str], ...]:
        """`Contact: *` (RFC 3261 §10.2.2): only with Expires 0."""
        if request.expires != 0:
            return Refusal(400)
        if any(_is_late(request, binding) for binding in present):
            return Refusal(500, (("retry-after", "1"),))
        for binding in present:
            self._location.remove(binding)
        return ()

    def _changes(
        self, request: Request, flow: Flow, tenant: TenantView, device: DeviceSnapshot, now: float
    ) -> Refusal | list[tuple[Binding, int]]:
        """All contacts of the request as bindings with their time to live; nothing is stored yet."""
        changes: list[tuple[Binding, int]] = []
        path = tuple(str(one) for one in request.path)
        for contact in request.contacts:
            if not isinstance(contact.uri, SipUri):
                return Refusal(400, (("warning", '399 cordboard "only sip: and sips: contacts can be registered"'),))
            expires_s = self._expires(contact, request)
            if 0 < expires_s < MIN_EXPIRES_S:
                return Refusal(423, (("min-expires", str(MIN_EXPIRES_S)),))
            expires_s = min(expires_s, MAX_EXPIRES_S)
            changes.append((self._binding(request, contact, flow, tenant, device, path, expires_s, now), expires_s))
        return changes

    def _expires(self, contact: NameAddr, request: Request) -> int:
        """RFC 3261 §10.3 step 6: the contact's own parameter, else the header field, else our default."""
        given = contact.param("expires")
        if given is not None and given.isascii() and given.isdigit():
            return min(int(given.lstrip("0")[:10] or "0"), 2**32 - 1)
        header = request.expires
        return DEFAULT_EXPIRES_S if header is None else header

    def _binding(
        self,
        request: Request,
        contact: NameAddr,
        flow: Flow,
        tenant: TenantView,
        device: DeviceSnapshot,
        path: tuple[str, ...],
        expires_s: int,
        now: float,
    ) -> Binding:
        reg_id = contact.param("reg-id")
        instance = contact.param("+sip.instance")
        return Binding(
            tenant=tenant.key,
            device=device.username,
            aor=f"sip:{device.username}@{tenant.domain}",
            contact=contact.uri,
            expires_at=now + expires_s,
            expires_ns=self._clock.wall_ns() + expires_s * 1_000_000_000,
            flow=flow,
            instance=instance,
            reg_id=int(reg_id) if reg_id is not None and reg_id.isdigit() and len(reg_id) < 10 else None,
            path=path,
            user_agent=(request.headers.get("user-agent") or "")[:128] or None,
            call_id=request.call_id,
            cseq=request.cseq.number,
        )

    def _answer(self, request: Request, key: tuple[str, str], now: float) -> tuple[tuple[str, str], ...]:
        """RFC 3261 §10.3 step 8: every binding with the time it has left; Path is shown back (RFC 3327 §5.3)."""
        headers = [
            ("contact", f"<{binding.contact}>;expires={max(1, round(binding.expires_at - now))}")
            for binding in self._location.of(key, now)
        ]
        if "path" in request.headers:
            headers.extend(("path", value) for value in request.headers.get_all("path"))
        return tuple(headers)


def _same_contact(binding: Binding, present: list[Binding]) -> Binding | None:
    """The present binding that a new one updates (RFC 3261 §19.1.4, RFC 5626 §6)."""
    for one in present:
        if one.key == binding.key or same_uri(one.contact, binding.contact):
            return one
    return None


def _is_late(request: Request, binding: Binding) -> bool:
    """Whether the request is older than what made the binding."""
    return binding.call_id == request.call_id and request.cseq.number <= binding.cseq

"""Configuration: the snapshot that is in force, swapped as a whole; running calls keep the one they began with."""

from __future__ import annotations

from pbx.draft import Draft, Swap
from pbx.snapshot import Snapshot, TrunkSnapshot
from pbx.tenant import TenantView
from sip.flow import Flow
from sip.message import Request
from sip.uri import SipUri


class Configuration:
    """Looks up whom a request concerns."""

    def __init__(self, snapshot: Snapshot, public_host: str | None = None) -> None:
        self._public_host = public_host
        self._snapshot = snapshot
        self._views: dict[str, TenantView] = {}

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def draft(self) -> Draft:
        """The next configuration, which begins as the present one."""
        return Draft(self._snapshot)

    def swap(self, swap: Swap) -> None:
        """Put a finished draft in force, at once; a view that a call has stays as it was."""
        self._snapshot = swap.snapshot
        self._views = {}

    def tenant(self, key: str) -> TenantView | None:
        """A tenant as it is now; the view is made when it is first asked for."""
        view = self._views.get(key)
        if view is None and (tenant := self._snapshot.tenants.get(key)) is not None:
            view = self._views[key] = TenantView(self._snapshot, tenant)
        return view

    def domain(self, request: Request, flow: Flow) -> tuple[TenantView | None, str]:
        """The tenant that a device's request is for, and the realm to challenge it with.

        The host of the Request-URI decides, then that of From: softphones with an outbound proxy put their domain
        into From only. Our own address counts as the domain of the tenant that says so (`own_address`).
        """
        host = ""
        for uri in (request.uri, request.from_.uri):
            if not isinstance(uri, SipUri):
                continue
            host = host or uri.host
            tenant = self._snapshot.by_domain.get(uri.host)
            if tenant is None and self._is_own(uri.host, flow):
                tenant = self._snapshot.own_address
            view = None if tenant is None else self.tenant(tenant.key)
            if view is not None and not view.closed:
                return view, view.domain
        return None, host

    def belongs(self, host: str, tenant: TenantView, flow: Flow) -> bool:
        """Whether a host name stands for the tenant's domain."""
        own = self._snapshot.own_address
        return host == tenant.domain or (own is not None and own.key == tenant.key and self._is_own(host, flow))

    def _is_own(self, host: str, flow: Flow) -> bool:
        return host == flow.local[0] or host == self._public_host

    def trunk_from(self, flow: Flow) -> TrunkSnapshot | None:
        """The peer trunk that a source address belongs to: by address and port before address alone."""
        return self._snapshot.trunk_from(*flow.remote)

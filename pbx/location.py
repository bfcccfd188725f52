"""Location: who is registered where (RFC 3261 §10.3); bindings live in memory and are written behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from pbx.clock import Clock
from pbx.events import RegistrationChanged
from pbx.journal import Journal
from sip.flow import Address, Flow, print_address
from sip.uri import AnyUri, SipUri, parse_uri

SPARE_EXPIRIES = 10_000

DeviceKey = tuple[str, str]
"""Tenant key and device user name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One contact of a device; `expires_at` is monotonic, `expires_ns` the same in UTC."""

    tenant: str
    device: str
    aor: str
    contact: AnyUri
    expires_at: float
    expires_ns: int
    flow: Flow
    instance: str | None
    reg_id: int | None
    path: tuple[str, ...]
    user_agent: str | None
    call_id: str
    cseq: int

    @property
    def key(self) -> str:
        """What makes two contacts one binding: instance and reg-id (RFC 5626 §6), else the contact."""
        if self.instance is not None and self.reg_id is not None:
            return f"{self.instance};{self.reg_id}"
        return str(self.contact)

    @property
    def behind_nat(self) -> bool:
        """The phone's own idea of its address is not where its packets come from."""
        uri = self.contact
        return isinstance(uri, SipUri) and (uri.host, uri.port or 5060) != self.flow.remote


class Location:
    """All bindings of this node."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._devices: dict[DeviceKey, dict[str, Binding]] = {}
        self._expiries: list[tuple[float, int, DeviceKey, str]] = []
        self._order = 0
        self._count = 0
        self._watchers: list[Callable[[Binding, float], None]] = []
        self.is_open: Callable[[Flow], bool] = lambda flow: True
        """Whether a flow still leads anywhere (`Transports.is_open`)."""

    def watch(self, watcher: Callable[[Binding, float], None]) -> None:
        """Show every binding that is stored or restored, with the time, to a subscriber."""
        self._watchers.append(watcher)

    def holds(self, binding: Binding) -> bool:
        """Whether this very binding is the current one."""
        return self._devices.get((binding.tenant, binding.device), {}).get(binding.key) is binding

    def of(self, device: DeviceKey, now: float) -> list[Binding]:
        """The bindings of a device that have not expired, the latest last."""
        bindings = self._devices.get(device)
        if not bindings:
            return []
        return [binding for binding in bindings.values() if binding.expires_at > now]

    def bindings(self) -> Iterator[Binding]:
        """Every binding, those that have just expired among them."""
        for held in self._devices.values():
            yield from held.values()

    def __len__(self) -> int:
        return self._count

    def store(self, binding: Binding, max_contacts: int, now: float) -> None:
        """Add or refresh a binding; more than `max_contacts` replace the oldest."""
        device = (binding.tenant, binding.device)
        bindings = self._devices.setdefault(device, {})
        before = len(bindings)
        for key, other in list(bindings.items()):
            if self._replaces(binding, other):
                del bindings[key]
                self._tell(other, "removed")
        known = bindings.pop(binding.key, None)
        while len(bindings) >= max_contacts:
            oldest = next(iter(bindings))
            self._tell(bindings.pop(oldest), "removed")
        bindings[binding.key] = binding
        self._count += len(bindings) - before
        self._note(binding, now)
        self._tell(binding, "added" if known is None else "refreshed")

    def restore(self, binding: Binding, now: float) -> None:
        """Take back a binding that was written down before a restart; nobody is told."""
        device = (binding.tenant, binding.device)
        bindings = self._devices.setdefault(device, {})
        self._count += binding.key not in bindings
        bindings[binding.key] = binding
        self._note(binding, now)

    def _note(self, binding: Binding, now: float) -> None:
        self._order += 1
        device = (binding.tenant, binding.device)
        heappush(self._expiries, (binding.expires_at, self._order, device, binding.key))
        if len(self._expiries) > 2 * len(self) + SPARE_EXPIRIES:
            self._forget_refreshed()
        for watcher in self._watchers:
            watcher(binding, now)

    def _forget_refreshed(self) -> None:
        """Rebuild the expiries from what is there: a device may refresh as often as it likes."""
        self._expiries = [
            (binding.expires_at, order, device, key)
            for order, (device, key, binding) in enumerate(
                (device, key, binding) for device, held in self._devices.items() for key, binding in held.items()
            )
        ]
        heapify(self._expiries)
        self._order = len(self._expiries)

    def remove(self, binding: Binding, action: str = "removed") -> None:
        device = (binding.tenant, binding.device)
        bindings = self._devices.get(device, {})
        if bindings.get(binding.key) is binding:
            del bindings[binding.key]
            self._count -= 1
            if not bindings:
                del self._devices[device]
            self._tell(binding, action)

    def expire(self, now: float) -> None:
        """Drop what has expired at `now`."""
        while self._expiries and self._expiries[0][0] <= now:
            _, _, device, key = heappop(self._expiries)
            binding = self._devices.get(device, {}).get(key)
            if binding is not None and binding.expires_at <= now:
                self.remove(binding, "expired")

    def _replaces(self, new: Binding, old: Binding) -> bool:
        """A phone that restarted: the same socket, the same contact address, another registration and user part.

        Softphones (baresip among them) invent a user part at each start.
        """
        if old.key == new.key or old.call_id == new.call_id or old.flow.remote[0] != new.flow.remote[0]:
            return False
        if old.flow.remote != new.flow.remote and (old.flow.connection is None or new.flow.connection is None):
            return False  # of two connections the ports differ in any case
        a, b = old.contact, new.contact
        return isinstance(a, SipUri) and isinstance(b, SipUri) and (a.host, a.port) == (b.host, b.port)

    def _tell(self, binding: Binding, action: str) -> None:
        self._journal.emit(
            RegistrationChanged(
                tenant=binding.tenant,
                device=binding.device,
                aor=binding.aor,
                contact=str(binding.contact),
                action=action,
                expires_at_ns=binding.expires_ns,
                received=print_address(binding.flow.remote),
                local=print_address(binding.flow.local),
                transport=binding.flow.transport,
                instance=binding.instance,
                reg_id=binding.reg_id,
                path=binding.path,
                user_agent=binding.user_agent,
                call_id=binding.call_id,
                cseq=binding.cseq,
            )
        )


def restored_binding(
    event: RegistrationChanged, flow_of: Callable[[Address, Address, str], Flow | None], clock: Clock
) -> Binding | None:
    """A binding as it was written down; None where it has expired, or no listener of its family is left.

    `flow_of` gives the flow for its local and its remote address and its transport.
    """
    left_s = (event.expires_at_ns - clock.wall_ns()) / 1e9
    if left_s <= 0 or event.received is None or event.local is None:
        return None
    flow = flow_of(parse_address(event.local), parse_address(event.received), event.transport)
    if flow is None:
        return None
    return Binding(
        tenant=event.tenant,
        device=event.device,
        aor=event.aor,
        contact=parse_uri(event.contact),
        expires_at=clock.now() + left_s,
        expires_ns=event.expires_at_ns,
        flow=flow,
        instance=event.instance,
        reg_id=event.reg_id,
        path=tuple(event.path),
        user_agent=event.user_agent,
        call_id=event.call_id,
        cseq=event.cseq,
    )


def parse_address(text: str) -> Address:
    """`host:port` with an IPv6 host in brackets. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} is no host:port")
    return host.strip("[]"), int(port)

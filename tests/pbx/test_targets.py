"""Targets: how a registered phone is reached, over its connection, at its Contact, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx.configuration import Configuration
from pbx.events import RegistrationChanged
from pbx.keepalive import INTERVAL_S, Keepalive
from pbx.location import Binding, Location, restored_binding
from pbx.targets import extension_targets, trunk_target
from sip.flow import Address, Flow, Target
from sip.uri import parse_uri
from tests.fakes.demo import demo_snapshot
from tests.fakes.journal import MemoryJournal

UDP = Flow("udp", "UDP", ("10.0.0.1", 5060), ("10.0.0.9", 5060))
TCP = Flow("tcp", "TCP", ("10.0.0.1", 5060), ("10.0.0.9", 40001), 7)
TLS = Flow("tls", "TLS", ("10.0.0.1", 5061), ("10.0.0.9", 40002), 8)


class StillClock:
    def now(self) -> float:
        return 0.0

    def wall_ns(self) -> int:
        return 1


def binding(contact: str, flow: Flow, *, path: tuple[str, ...] = (), call_id: str = "a") -> Binding:
    return Binding(
        tenant="demo",
        device="1001",
        aor="sip:1001@demo.local",
        contact=parse_uri(contact),
        expires_at=3600.0,
        expires_ns=10**12,
        flow=flow,
        instance=None,
        reg_id=None,
        path=path,
        user_agent=None,
        call_id=call_id,
        cseq=1,
    )


def hops(one: Binding, *, is_open: bool, nat: str = "auto") -> list[object]:
    """Where calls to the extension of a binding go."""
    snapshot = demo_snapshot()
    demo = snapshot.tenants["demo"]
    devices = {**demo.devices, "1001": replace(demo.devices["1001"], nat=nat)}
    tenants = {**snapshot.tenants, "demo": replace(demo, devices=devices)}
    tenant = Configuration(replace(snapshot, tenants=tenants)).tenant("demo")
    assert tenant is not None
    extension = tenant.extension("1001")
    assert extension is not None
    location = Location(MemoryJournal(StillClock()))
    location.is_open = lambda flow: flow.connection is None or is_open
    location.store(one, 5, 0.0)
    return [target.hop for target in extension_targets(location, tenant, extension, 0.0)]


@pytest.mark.parametrize(
    ("contact", "flow", "nat", "opened", "closed"),
    [
        ("sip:a@10.0.0.9:5060", UDP, "auto", Target("10.0.0.9", 5060, "UDP"), Target("10.0.0.9", 5060, "UDP")),
        ("sip:a@192.168.1.5:5060", UDP, "auto", UDP, UDP),
        # A connection comes from some port: that alone is no NAT.
        ("sip:a@10.0.0.9:5070;transport=tcp", TCP, "auto", TCP, Target("10.0.0.9", 5070, "TCP")),
        ("sip:a@10.0.0.9:5070", TCP, "auto", TCP, Target("10.0.0.9", 5070, "TCP")),
        ("sips:a@10.0.0.9", TLS, "auto", TLS, Target("10.0.0.9", None, "TLS")),
        ("sips:a@10.0.0.9;transport=tcp", TLS, "auto", TLS, Target("10.0.0.9", None, "TLS")),
        ("sip:a@192.168.1.5:5070;transport=tcp", TCP, "auto", TCP, None),
        ("sip:a@phone.invalid;transport=ws", TCP, "auto", TCP, None),
        (
            "sip:a@10.0.0.8:5070;transport=tcp",
            TCP,
            "off",
            Target("10.0.0.8", 5070, "TCP"),
            Target("10.0.0.8", 5070, "TCP"),
        ),
    ],
)
def test_how_a_phone_is_reached(
    contact: str, flow: Flow, nat: str, opened: object | None, closed: object | None
) -> None:
    one = binding(contact, flow)
    assert hops(one, is_open=True, nat=nat) == [opened]
    assert hops(one, is_open=False, nat=nat) == ([] if closed is None else [closed])


def test_behind_an_edge_proxy_there_is_its_connection_only() -> None:
    one = binding("sip:a@10.0.0.9:5070;transport=tcp", TCP, path=("<sip:edge;lr>",))
    assert hops(one, is_open=True) == [TCP]
    assert hops(one, is_open=False) == []


def test_a_phone_that_connects_anew_takes_the_place_of_its_old_binding() -> None:
    location = Location(MemoryJournal(StillClock()))
    location.store(binding("sip:x1@192.168.1.5:5070;transport=tcp", TCP), 5, 0.0)
    again = replace(TCP, remote=("10.0.0.9", 40007), connection=9)
    location.store(binding("sip:x2@192.168.1.5:5070;transport=tcp", again, call_id="b"), 5, 0.0)
    other = replace(TCP, remote=("10.0.0.8", 40007), connection=10)
    location.store(binding("sip:x3@192.168.1.5:5070;transport=tcp", other, call_id="c"), 5, 0.0)
    location.store(binding("sip:x4@192.168.1.5:5070", UDP, call_id="d"), 5, 0.0)
    assert [one.flow.connection for one in location.of(("demo", "1001"), 0.0)] == [9, 10, None]


@pytest.mark.parametrize(
    ("transport", "uri"),
    [
        ("UDP", "sip:100@carrier.example:5060"),
        ("TCP", "sip:100@carrier.example:5060;transport=tcp"),
        ("TLS", "sip:100@carrier.example:5060;transport=tls"),
    ],
)
def test_a_trunk_is_reached_by_its_transport(transport: str, uri: str) -> None:
    trunk = replace(next(iter(demo_snapshot().trunks.values())), transport=transport)
    target = trunk_target(trunk, ("carrier.example", 5060), "100")
    assert (target.hop, target.uri) == (Target("carrier.example", 5060, transport), uri)


def test_connections_are_not_pinged() -> None:
    location = Location(MemoryJournal(StillClock()))
    sent: list[Flow] = []
    keepalive = Keepalive(location, lambda flow, data: sent.append(flow))
    location.store(binding("sip:a@192.168.1.5", TCP), 5, 0.0)
    keepalive.beat(INTERVAL_S)
    assert sent == []


def test_the_transport_of_a_binding_outlives_a_restart() -> None:
    journal = MemoryJournal(StillClock())
    Location(journal).store(binding("sip:a@10.0.0.9:5070;transport=tcp", TCP), 5, 0.0)
    (event,) = journal.events(RegistrationChanged)
    assert isinstance(event, RegistrationChanged)

    def flow_of(local: Address, remote: Address, transport: str) -> Flow | None:
        return Flow("tcp", transport, local, remote, 0)

    restored = restored_binding(event, flow_of, StillClock())
    assert restored is not None
    assert restored.flow == replace(TCP, connection=0)

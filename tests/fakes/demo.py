"""A small configuration made by hand: tenant `demo` with extensions 1001-1003, and tenant `bench` with two trunks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from pbx.destination import (
    ConferenceDestination,
    Destination,
    ExternalDestination,
    FeatureDestination,
    HangupDestination,
    PromptDestination,
    ToneDestination,
)
from pbx.snapshot import (
    DeviceSnapshot,
    DidSnapshot,
    ExtensionSnapshot,
    Snapshot,
    SourceRule,
    TenantSnapshot,
    TrunkSnapshot,
)
from sip.digest import ha1

ALGORITHMS = ("MD5", "SHA-256")


def device(
    name: str, *, tenant: str = "demo", domain: str = "demo.local", codecs: tuple[str, ...] = ()
) -> DeviceSnapshot:
    users = (name, f"{tenant}-{name}")
    return DeviceSnapshot(
        username=name,
        extension=name,
        ha1={(user, one): ha1(user, domain, f"demo-{name}", one) for user in users for one in ALGORITHMS},
        digest_algorithms=ALGORITHMS,
        max_contacts=5,
        allowed_nets=(),
        codecs=codecs,
        transports=("udp",),
        nat="auto",
        dtmf="auto",
        enabled=True,
    )


def extension(number: str, *, max_calls: int | None = 2, ring_timeout_s: float = 30.0) -> ExtensionSnapshot:
    return ExtensionSnapshot(
        number=number,
        name=f"Phone {number}",
        enabled=True,
        ring_timeout_s=ring_timeout_s,
        max_calls=max_calls,
        devices=(number,),
    )


def tenant(
    key: str,
    domain: str,
    extensions: list[ExtensionSnapshot],
    devices: list[DeviceSnapshot],
    numbers: dict[str, Destination],
    dids: dict[str, Destination],
) -> TenantSnapshot:
    return TenantSnapshot(
        key=key,
        domain=domain,
        own_address=key == "demo",
        status="active",
        digest_algorithms=ALGORITHMS,
        internal_calls=True,
        external_ring_s=45.0,
        prompt_language="en",
        country="US",
        hold_source="music",
        max_calls=None,
        max_cps=None,
        max_duration_s=None,
        extensions={one.number: one for one in extensions},
        devices={one.username: one for one in devices},
        devices_by_user={user: one for one in devices for user, _ in one.ha1},
        numbers=numbers,
        dids={("", number): DidSnapshot(number=number, trunk=None, destination=to) for number, to in dids.items()},
    )


def trunk(name: str, host: str, *, owner: str | None = "bench", **changes: Any) -> TrunkSnapshot:
    made = TrunkSnapshot(
        name=name,
        tenant=owner,
        peers=((host, 5060),),
        sources=(SourceRule(network=ip_network(host), port=None),),
        codecs=(),
        dtmf="auto",
        max_total=None,
        max_in=None,
        max_out=None,
        max_cps=None,
        max_duration_s=None,
        setup_timeout_s=45.0,
        progress_timeout_s=6.0,
        enabled=True,
    )
    return replace(made, **changes)


def demo_snapshot(**trunk_changes: Any) -> Snapshot:
    """Trunk `load-in` at 10.0.1.1, trunk `load-out` at 10.0.2.1; numbers as in the examples."""
    numbers = ("1001", "1002", "1003")
    demo = tenant(
        "demo",
        "demo.local",
        [extension(number) for number in numbers],
        [device(number) for number in numbers],
        {
            "*60": FeatureDestination(target="echo"),
            "*61": PromptDestination(name="welcome", plays=1),
            "*62": FeatureDestination(target="own_number"),
            "8000": ConferenceDestination(room="8000", max_members=10, quiet=False, moh_when_alone=True),
            "*63": ToneDestination(name="busy"),
            "*64": HangupDestination(cause=17),
        },
        {},
    )
    bench = tenant(
        "bench",
        "bench.local",
        [],
        [],
        {},
        {"9001": ExternalDestination(number=None, trunk="load-out"), "9005": FeatureDestination(target="echo")},
    )
    trunks = (trunk("load-in", "10.0.1.1"), trunk("load-out", "10.0.2.1", **trunk_changes))
    return Snapshot(version="test", tenants={"demo": demo, "bench": bench}, trunks={one.name: one for one in trunks})

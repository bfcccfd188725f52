"""Keep-alive pings: to phones behind a NAT only, at their interval, until the binding goes."""

from __future__ import annotations

from pbx.keepalive import INTERVAL_S, PING, Keepalive
from pbx.location import Binding, Location
from sip.flow import Flow
from sip.uri import parse_uri
from tests.fakes.journal import MemoryJournal


class StillClock:
    def now(self) -> float:
        return 0.0

    def wall_ns(self) -> int:
        return 1


def binding(contact: str, *, call_id: str = "a", expires_at: float = 3600.0) -> Binding:
    return Binding(
        tenant="demo",
        device="1001",
        aor="sip:1001@demo.local",
        contact=parse_uri(contact),
        expires_at=expires_at,
        expires_ns=1,
        flow=Flow("udp", "UDP", ("10.0.0.1", 5060), ("198.51.100.7", 40000)),
        instance=None,
        reg_id=None,
        path=(),
        user_agent=None,
        call_id=call_id,
        cseq=1,
    )


def make() -> tuple[Location, Keepalive, list[tuple[Flow, bytes]]]:
    location = Location(MemoryJournal(StillClock()))
    sent: list[tuple[Flow, bytes]] = []
    return location, Keepalive(location, lambda flow, data: sent.append((flow, data))), sent


def test_a_phone_behind_a_nat_is_pinged_at_each_interval() -> None:
    location, keepalive, sent = make()
    one = binding("sip:1001@192.168.1.5:5060")
    location.store(one, 5, 0.0)
    keepalive.beat(INTERVAL_S - 0.1)
    assert not sent
    keepalive.beat(INTERVAL_S)
    keepalive.beat(2 * INTERVAL_S)
    assert sent == [(one.flow, PING)] * 2


def test_a_phone_with_a_true_contact_is_left_alone() -> None:
    location, keepalive, sent = make()
    location.store(binding("sip:1001@198.51.100.7:40000"), 5, 0.0)
    keepalive.beat(10 * INTERVAL_S)
    assert not sent


def test_a_binding_that_is_gone_or_replaced_is_not_pinged() -> None:
    location, keepalive, sent = make()
    first = binding("sip:1001@192.168.1.5:5060")
    second = binding("sip:1001@192.168.1.5:5060", call_id="b")
    location.store(first, 5, 0.0)
    location.store(second, 5, 10.0)
    keepalive.beat(INTERVAL_S)
    assert not sent
    keepalive.beat(10.0 + INTERVAL_S)
    assert len(sent) == 1
    location.remove(second)
    keepalive.beat(10 * INTERVAL_S)
    assert len(sent) == 1

"""A made-up event log: calls of every kind, interleaved, with the server lost now and then."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pbx.events import (
    CallAnswered,
    CallBridged,
    CallCreated,
    CallEnded,
    CallRouted,
    Checkpoint,
    Event,
    LegAnswered,
    LegEnded,
    LegMedia,
    LegRinging,
    LegStarted,
    NodeStarted,
    RegistrationChanged,
)
from pbx.ulid import UlidFactory

START_NS = 1_780_000_000 * 10**9
_MS = 10**6


def created(call: str, *, tenant: str = "demo", called: str = "1002") -> CallCreated:
    """First event of an internal call from 1001."""
    return CallCreated(
        call=call,
        tenant=tenant,
        direction="internal",
        call_type="internal",
        sip_call_id=f"{call}@phone",
        source="127.0.0.1:5070",
        caller="1001",
        caller_name="Ann",
        called=called,
        device="1001",
        extension="1001",
        trunk=None,
        did=None,
    )


def leg_started(call: str, leg: str, kind: str, direction: str) -> LegStarted:
    """A leg of 1001 (in) or 1002 (out)."""
    number = "1001" if direction == "in" else "1002"
    return LegStarted(
        call=call,
        leg=leg,
        kind=kind,
        direction=direction,
        number=number,
        device=number,
        trunk=None,
        sip_call_id=f"{leg}@pbx",
        address="127.0.0.1:5070",
    )


def leg_ended(call: str, leg: str, reason: str = "normal", party: str = "caller") -> LegEnded:
    """A leg that ended with cause 16."""
    return LegEnded(call=call, leg=leg, reason=reason, sip_code=None, sip_text=None, q850=16, party=party)


def leg_media(call: str, leg: str, lost_in: int = 0) -> LegMedia:
    """A media report of 500 packets each way."""
    return LegMedia(
        call=call,
        leg=leg,
        packets_in=500 - lost_in,
        packets_out=500,
        lost_in=lost_in,
        jitter_ms=1.5,
        rtt_ms=None,
        far_lost=0,
        latched="127.0.0.1:6000",
        mos=4.4,
    )


def call_ended(call: str, reason: str, result: str, legs_with_media: int) -> CallEnded:
    """The end of a call, by the caller."""
    return CallEnded(
        call=call,
        reason=reason,
        result=result,
        party="caller",
        sip_code=None,
        sip_text=None,
        q850=16,
        legs_with_media=legs_with_media,
    )


def registration(number: int, action: str, expires_at_ns: int) -> RegistrationChanged:
    """A binding of device 1000+number."""
    return RegistrationChanged(
        tenant="demo",
        device=str(1000 + number),
        aor=f"sip:{1000 + number}@demo.local",
        contact=f"sip:{1000 + number}@127.0.0.1:{6000 + number}",
        action=action,
        expires_at_ns=expires_at_ns,
        received=f"127.0.0.1:{6000 + number}",
        local="127.0.0.1:5060",
        transport="udp",
        instance=None,
        reg_id=None,
        path=(),
        user_agent="fake",
        call_id="r",
        cseq=1,
    )


def answered_call(ids: UlidFactory, now_ms: int) -> Iterator[Event]:
    """An internal call that is answered, bridged and ended by the caller; media reports come last."""
    call, a, b = (ids.new(now_ms) for _ in range(3))
    yield created(call)
    yield leg_started(call, a, "caller", "in")
    yield CallRouted(call=call, destination_type="extension", destination="1002", called_final="1002")
    yield leg_started(call, b, "callee", "out")
    yield LegRinging(call=call, leg=b, early_media=False)
    yield LegAnswered(call=call, leg=b, codec="PCMU")
    yield LegAnswered(call=call, leg=a, codec="PCMU")
    yield CallAnswered(call=call, leg=b)
    yield CallBridged(call=call, leg_a=a, leg_b=b)
    yield Checkpoint(call=call, state={"step": 1})
    yield leg_ended(call, a)
    yield leg_ended(call, b)
    yield call_ended(call, "normal", "answered", 2)
    yield leg_media(call, a)
    yield leg_media(call, b, lost_in=5)


def unanswered_call(ids: UlidFactory, now_ms: int) -> Iterator[Event]:
    """A call whose callee rings and is not answered; one media report never comes."""
    call, a, b = (ids.new(now_ms) for _ in range(3))
    yield created(call)
    yield leg_started(call, a, "caller", "in")
    yield leg_started(call, b, "callee", "out")
    yield LegRinging(call=call, leg=b, early_media=True)
    yield leg_ended(call, b, "no_answer", "callee")
    yield leg_ended(call, a, "no_answer", "system")
    yield call_ended(call, "no_answer", "missed", 2)
    yield leg_media(call, b)


def refused_call(ids: UlidFactory, now_ms: int) -> Iterator[Event]:
    """A call to a number that does not exist."""
    call, a = ids.new(now_ms), ids.new(now_ms)
    yield created(call, called="4711")
    yield leg_started(call, a, "caller", "in")
    yield leg_ended(call, a, "invalid_number", "system")
    yield call_ended(call, "invalid_number", "failed", 0)


def node_started(boot: int) -> NodeStarted:
    """A start of node `n1`."""
    return NodeStarted(node="n1", boot=f"boot{boot}", version="0.1")


_KINDS = (answered_call, answered_call, unanswered_call, refused_call)


def call_log(rng: Random, calls: int, *, boots: int = 3) -> list[tuple[Event, int]]:
    """`calls` interleaved calls as (event, UTC ns); at each boot after the first, open calls are lost."""
    ids = UlidFactory(rng)
    at_ns = START_NS
    log: list[tuple[Event, int]] = [(node_started(0), at_ns)]
    running: list[Iterator[Event]] = []
    left, boot_at = calls, {calls * n // boots for n in range(1, boots)}
    while left or running:
        at_ns += rng.randrange(1, 50) * _MS
        if left and (len(running) < 8 or rng.random() < 0.2):
            running.append(rng.choice(_KINDS)(ids, at_ns // _MS))
            left -= 1
            if left in boot_at:
                boot_at.discard(left)
                running.clear()
                log.append((node_started(left + 1), at_ns))
                continue
        if rng.random() < 0.05:
            action = rng.choice(["added", "refreshed", "removed"])
            log.append((registration(rng.randrange(9), action, 2**62), at_ns))
        chosen = rng.randrange(len(running)) if running else 0
        event = next(running[chosen], None) if running else None
        if event is None:
            del running[chosen : chosen + 1]
            continue
        log.append((event, at_ns))
    return log

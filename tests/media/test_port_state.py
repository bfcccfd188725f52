"""Port states and events cross the process border unchanged."""

from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.event import (
    BadMediaEvent,
    DigitReceived,
    DigitsSent,
    PlayerFinished,
    PortClosed,
    PortEvent,
    PortHeard,
    PortLatched,
    PortSilent,
    PortStats,
    pack_event,
    unpack_event,
)
from media.port_state import BadPortState, Player, PortState, SentDigits

address = st.none() | st.tuples(st.sampled_from(["127.0.0.1", "::1"]), st.integers(1, 65535))
players = st.builds(Player, id=st.integers(1, 1 << 40), path=st.text(max_size=20), payload_type=st.integers(0, 127))
dialled = st.builds(
    SentDigits,
    id=st.integers(1, 1 << 40),
    digits=st.text("0123456789*#ABCD!", min_size=1, max_size=128),
    payload_type=st.integers(0, 127),
    duration_ms=st.integers(40, 8000),
    gap_ms=st.integers(40, 8000),
)
states = st.builds(
    PortState,
    remote_rtp=address,
    remote_rtcp=address,
    send=st.booleans(),
    receive=st.booleans(),
    accept=st.lists(st.integers(0, 127), max_size=4).map(tuple),
    relay_to=st.none() | st.integers(1, 1 << 40),
    payload_map=st.lists(st.tuples(st.integers(0, 127), st.integers(0, 127)), max_size=4).map(tuple),
    player=st.none() | players,
    latch=st.sampled_from(["auto", "strict", "off"]),
    cname=st.text(max_size=20),
    silence_ms=st.none() | st.integers(1, 1 << 31),
    event_types=st.lists(st.tuples(st.integers(0, 127), st.sampled_from([8000, 48000])), max_size=4).map(tuple),
    digits=st.sampled_from(["pass", "copy", "withhold"]),
    send_digits=st.none() | dialled,
)


@given(states)
def test_states_survive_the_wire(state: PortState) -> None:
    assert PortState.unpack(msgpack.unpackb(msgpack.packb(state.pack()))) == state


@pytest.mark.parametrize(
    "event",
    [
        PortLatched(port_id=1, revision=2, host="::1", port=4000),
        PlayerFinished(port_id=1, revision=2, player_id=3),
        PlayerFinished(port_id=1, revision=2, player_id=3, error="no such file"),
        PortSilent(port_id=1, revision=2, silent_ms=60_000),
        PortHeard(port_id=1, revision=2),
        DigitReceived(port_id=1, revision=2, digit="#", duration_ms=100),
        DigitsSent(port_id=1, revision=2, digits_id=7),
        PortClosed(port_id=1, revision=2, stats=PortStats(packets_sent=5, rtt_ms=1.5, latched_host="::1")),
    ],
)
def test_events_survive_the_wire(event: PortEvent) -> None:
    assert unpack_event(msgpack.unpackb(msgpack.packb(pack_event(event)))) == event


@pytest.mark.parametrize(
    "packed",
    [
        [],
        [1],
        None,
        5,
        PortState().pack()[:-1],
        [*PortState().pack()[:-2], "x", None],
        [*PortState().pack()[:-1], [1]],
        [*PortState().pack()[:9], "x", "", None, [], "pass", None],
    ],
)
def test_bad_states_raise_the_documented_error(packed: object) -> None:
    with pytest.raises(BadPortState):
        PortState.unpack(packed)  # type: ignore[arg-type]


@pytest.mark.parametrize("packed", [[], ["other"], ["latched", 1], ["closed", 1, 2, [0], False]])
def test_bad_events_raise_the_documented_error(packed: list[object]) -> None:
    with pytest.raises(BadMediaEvent):
        unpack_event(packed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"digits": ""},
        {"digits": "1" * 129},
        {"digits": "1x"},
        {"duration_ms": 39},
        {"gap_ms": 8001},
        {"clock_rate": 0},
        {"id": 0},
    ],
)
def test_digits_that_cannot_be_sent_are_refused(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"id": 1, "digits": "1", "payload_type": 101} | wrong
    with pytest.raises(BadPortState):
        SentDigits(**fields)

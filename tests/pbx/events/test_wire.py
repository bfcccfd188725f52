"""Events as bytes: round trip, newer versions, damage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.events import (
    EVENTS,
    CallAnswered,
    CallEnded,
    Checkpoint,
    Envelope,
    Event,
    EventError,
    LegEnded,
    NodeStopping,
    RegistrationChanged,
    Unknown,
    decode,
    encode,
)
from pbx.reasons import Party, Reason, Result

_BY_TYPE: dict[str, st.SearchStrategy[object]] = {
    "str": st.text(),
    "str | None": st.none() | st.text(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "int | None": st.none() | st.integers(0, 2**63),
    "float | None": st.none() | st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "tuple[str, ...]": st.lists(st.text()).map(tuple),
    "dict[str, Any]": st.dictionaries(st.text(), st.integers(-5, 5) | st.text() | st.binary() | st.none()),
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    cls = draw(st.sampled_from(sorted(EVENTS.values(), key=lambda one: one.code)))
    return cls(**{field.name: draw(_BY_TYPE[str(field.type)]) for field in fields(cls)})  # type: ignore[arg-type]


@given(events(), st.integers(1, 2**63), st.integers(0, 2**63))
def test_round_trip(event: Event, seq: int, at_ns: int) -> None:
    assert decode(encode(event, seq, at_ns)) == Envelope(seq, at_ns, event)


def test_codes_and_types_are_unique() -> None:
    assert all(code == cls.code for code, cls in EVENTS.items())
    assert len({cls.type for cls in EVENTS.values()}) == len(EVENTS)


def test_enums_are_written_as_their_text() -> None:
    ended = CallEnded(
        call="c",
        reason=Reason.BUSY,
        result=Result.BUSY,
        party=Party.CALLEE,
        sip_code=486,
        sip_text="Busy Here",
        q850=17,
        legs_with_media=1,
    )
    assert decode(encode(ended, 1, 2)).event == ended


def test_lists_come_back_as_tuples() -> None:
    event = decode(encode(Checkpoint(call="c", state={"legs": ["a", {"b": [1]}]}), 1, 2)).event
    assert event == Checkpoint(call="c", state={"legs": ("a", {"b": (1,)})})


def test_event_of_a_newer_version_is_unknown() -> None:
    data = msgpack.packb([999, 5, 6, "x", [1]])
    assert decode(data) == Envelope(5, 6, Unknown(number=999, values=("x", (1,))))


def test_field_of_a_newer_version_is_dropped() -> None:
    data = msgpack.packb([NodeStopping.code, 5, 6, "node", "boot", "newer"])
    assert decode(data).event == NodeStopping(node="node", boot="boot")


def test_record_without_a_needed_field_is_unknown() -> None:
    data = msgpack.packb([NodeStopping.code, 5, 6, "node"])
    assert decode(data).event == Unknown(number=NodeStopping.code, values=("node",))


def test_undecodable_text_is_written_with_question_marks() -> None:
    event = CallAnswered(call="c", leg="\udcff!")
    assert decode(encode(event, 1, 2)).event == CallAnswered(call="c", leg="?!")


@pytest.mark.parametrize("value", [object(), {1, 2}, 1 << 70])
def test_what_cannot_be_written_is_an_event_error(value: object) -> None:
    with pytest.raises(EventError, match="Checkpoint cannot be written"):
        encode(Checkpoint(call="c", state={"x": value}), 1, 2)


def test_an_event_after_a_failed_one_is_whole() -> None:
    with pytest.raises(EventError):
        encode(Checkpoint(call="c", state={"a": "b", "x": object()}), 1, 2)
    assert decode(encode(CallAnswered(call="c", leg=None), 1, 2)).event == CallAnswered(call="c", leg=None)


def test_unregistered_event_is_refused() -> None:
    with pytest.raises(EventError, match="not in the event registry"):
        encode(Unknown(number=1, values=()), 1, 2)


@given(st.binary(max_size=80))
def test_decode_raises_nothing_but_event_error(data: bytes) -> None:
    with suppress(EventError):
        decode(data)


def test_registration_path_is_a_tuple() -> None:
    event = RegistrationChanged(
        tenant="demo",
        device="1001",
        aor="sip:1001@demo.local",
        contact="sip:1001@127.0.0.1:5070",
        action="added",
        expires_at_ns=1,
        received="127.0.0.1:5070",
        local="127.0.0.1:5060",
        transport="udp",
        instance=None,
        reg_id=None,
        path=("<sip:a;lr>", "<sip:b;lr>"),
        user_agent=None,
        call_id="x",
        cseq=1,
    )
    assert decode(encode(event, 1, 2)).event == event


def test_leg_ended_keeps_raw_codes() -> None:
    event = LegEnded(call="c", leg="l", reason="unknown", sip_code=499, sip_text="?", q850=None, party="callee")
    assert decode(encode(event, 1, 2)).event == event

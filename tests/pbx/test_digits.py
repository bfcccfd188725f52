"""Digits as pure policy: bodies of INFO, and what a port does with events."""

from __future__ import annotations

import pytest

from media.agreement import AgreedFormat, Agreement, relay_map
from pbx.digits import BadDigit, UnknownForm, event_format, event_types, port_policy, read_info, write_info

RELAY = "application/dtmf-relay"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", ("5", 160)),
        (RELAY, b"Signal= 5 \r\nDuration= 250\r\n", ("5", 250)),
        (RELAY, b"signal=#\nDURATION = 100", ("#", 100)),
        (RELAY, b"Signal=10\r\n", ("*", 160)),
        (RELAY, b"Signal=11\r\n", ("#", 160)),
        (RELAY, b"Signal=16\r\n", ("!", 160)),
        (RELAY, b"Signal=hf\r\n", ("!", 160)),
        (RELAY, b"Signal=d\r\nDuration=1\r\n", ("D", 40)),
        (RELAY, b"Duration=99999\r\nSignal=0\r\n", ("0", 8000)),
        ("Application/DTMF-Relay; charset=utf-8", b"Signal=*", ("*", 160)),
        ("application/dtmf", b"7", ("7", 160)),
        ("application/dtmf", b" * \r\n", ("*", 160)),
        ("application/dtmf", b"Signal=7\r\nDuration=90\r\n", ("7", 90)),
        ("application/hook-flash", b"", ("!", 160)),
    ],
)
def test_keys_as_phones_write_them(kind: str, body: bytes, expected: tuple[str, int]) -> None:
    assert read_info(kind, body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b"Signal=\r\n",
        b"Signal=17",
        b"Signal=55",
        b"Signal=x",
        b"Signal=5\r\nDuration=long",
        b"\xff\x00=",
        b"Signal=5\r\nDuration=-1",
        b"Signal=5\r\nDuration=" + b"9" * 5000,
        "Signal=5\r\nDuration=٣".encode(),
    ],
)
def test_bodies_that_are_no_key(body: bytes) -> None:
    with pytest.raises(BadDigit):
        read_info(RELAY, body)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/sdp", "application/dtmf-relayed"])
def test_bodies_of_other_types(kind: str) -> None:
    with pytest.raises(UnknownForm):
        read_info(kind, b"Signal=5")


@pytest.mark.parametrize("digit", "0123456789*#ABCD!")
def test_what_is_written_can_be_read(digit: str) -> None:
    assert read_info(RELAY, write_info(digit, 120)) == (digit, 120)


def form(name: str, rate_hz: int, number: int) -> AgreedFormat:
    return AgreedFormat(name=name, clock_rate=rate_hz, channels=1, send_pt=number, receive_pt=number)


def agreed(codec: AgreedFormat, *events: AgreedFormat) -> Agreement:
    return Agreement(
        formats=(codec,), events=events, remote_rtp=None, remote_rtcp=None, rtcp_mux=False, direction="sendrecv",
        ptime_ms=20,
    )  # fmt: skip


PCMU, OPUS = form("PCMU", 8000, 0), form("opus", 48000, 96)
EVENTS, OTHER_EVENTS, WIDE_EVENTS = (
    form("telephone-event", 8000, 101),
    form("telephone-event", 8000, 97),
    form("telephone-event", 48000, 102),
)


def policy(one: Agreement, other: Agreement | None) -> str:
    return port_policy(one, relay_map(one, other) if other is not None else (), None)


def test_events_pass_where_both_have_them() -> None:
    one, other = agreed(PCMU, EVENTS), agreed(PCMU, OTHER_EVENTS)
    assert (101, 97) in relay_map(one, other)
    assert policy(one, other) == "pass"


def test_events_are_withheld_where_the_other_has_none_or_another_clock() -> None:
    assert policy(agreed(PCMU, EVENTS), agreed(PCMU)) == "withhold"
    assert policy(agreed(PCMU, EVENTS), None) == "withhold"
    assert policy(agreed(OPUS, EVENTS, WIDE_EVENTS), agreed(PCMU, EVENTS)) == "withhold"


def test_events_share_the_clock_of_the_codec() -> None:
    wide = agreed(OPUS, EVENTS, WIDE_EVENTS)
    assert event_format(wide) is WIDE_EVENTS
    assert event_types(wide) == ((101, 8000), (102, 48000))
    assert event_format(agreed(OPUS, EVENTS)) is None
    assert event_format(agreed(PCMU, form("CN", 8000, 13))) is None
    assert event_format(None) is None

"""Stream framing: any split of the bytes gives the same messages; what cannot be delimited is told by name."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.framing import PING, FramingError, FramingLimits, StreamFramer


def message(body: bytes = b"", *fields: str, length: str | None = None) -> bytes:
    rows = ["MESSAGE sip:a@b SIP/2.0", *fields, length or f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(rows).encode() + body


def read(framer: StreamFramer, *pieces: bytes) -> list[bytes]:
    messages = []
    for piece in pieces:
        framer.feed(piece)
        while (one := framer.next_message()) is not None:
            messages.append(one)
    return messages


def test_whole_messages() -> None:
    framer = StreamFramer()
    first, second = message(b"hello"), message(b"", "Subject: x")
    assert read(framer, first + second) == [first, second]
    assert not framer.partial


@pytest.mark.parametrize(
    "length", ["Content-Length: 5", "content-length:5", "CONTENT-LENGTH \t:  5 ", "l: 5", "L:005", "l :5\t"]
)
def test_the_ways_to_write_the_length(length: str) -> None:
    one = message(b"hello", "Subject: l: 7", length=length)
    assert read(StreamFramer(), one + b"ACK") == [one]


def test_the_body_may_look_like_anything() -> None:
    body = b"\r\n\r\nContent-Length: 99\r\n\r\nINVITE x SIP/2.0\r\n"
    assert read(StreamFramer(), message(body) * 2) == [message(body)] * 2


messages = st.lists(
    st.one_of(
        st.binary(max_size=60).map(message),
        st.sampled_from([PING, b"\r\n", message(b"x", "Subject: \xfc", "l2: 3", length="l: 1")]),
    ),
    max_size=8,
)


@given(messages, st.lists(st.integers(0, 900), max_size=30))
def test_any_split_gives_the_same(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    whole, split, single = StreamFramer(), StreamFramer(), StreamFramer()
    expected = [part for part in parts if part.strip()]
    assert read(whole, stream) == expected
    assert read(split, *pieces) == expected
    assert read(single, *(stream[n : n + 1] for n in range(len(stream)))) == expected
    assert whole.pongs_due == split.pongs_due == single.pongs_due
    assert not whole.partial


@given(st.binary(max_size=300), st.integers(1, 40))
def test_nonsense_raises_nothing_else_and_the_same_everywhere(data: bytes, step: int) -> None:
    def outcome(*pieces: bytes) -> list[bytes] | str:
        try:
            return read(StreamFramer(FramingLimits(head=100, message=200)), *pieces)
        except FramingError as error:
            return re.sub(r"\d+", "", error.reason)

    whole = outcome(data)
    split = outcome(*(data[n : n + step] for n in range(0, len(data), step)))
    assert whole == split


def test_pings_and_pongs() -> None:
    framer = StreamFramer()
    assert read(framer, PING, b"\r\n", message(), PING + PING) == [message()]
    # The single empty line before the message is nobody's half: a message came between.
    assert framer.pongs_due == 3


def test_answers_to_our_own_pings_are_no_pings() -> None:
    framer = StreamFramer()
    framer.pongs_awaited = 2
    assert read(framer, b"\r\n", b"\r\n", b"\r\n") == []
    assert (framer.pongs_due, framer.pongs_awaited) == (0, 0)
    assert read(framer, b"\r\n") == []
    assert framer.pongs_due == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], "Content-Length is missing"),
        (["Content-Length: 3", "Content-Length: 3"], "Content-Length stands twice"),
        (["Content-Length: 3", "l: 0"], "Content-Length stands twice"),
        (["Content-Length: "], "Content-Length is not a number"),
        (["Content-Length: -3"], "Content-Length is not a number"),
        (["Content-Length: 0x3"], "Content-Length is not a number"),
        (["Content-Length: 3, 3"], "Content-Length is not a number"),
        (["Content-Length: \u0663"], "Content-Length is not a number"),
        (["Content-Length: 99999999999"], "Content-Length is not a number"),
        (["Content-Length:\r\n 3"], "Content-Length is not a number"),
    ],
)
def test_lengths_that_delimit_nothing(fields: list[str], reason: str) -> None:
    data = "\r\n".join(["MESSAGE sip:a@b SIP/2.0", *fields, "", ""]).encode()
    with pytest.raises(FramingError, match=reason) as caught:
        read(StreamFramer(), data + b"abc")
    assert (caught.value.status, caught.value.head) == (400, data)


def test_messages_that_are_too_large() -> None:
    with pytest.raises(FramingError, match="over 65536 bytes") as caught:
        read(StreamFramer(), message(length="Content-Length: 65500"))
    assert (caught.value.status, caught.value.head) == (513, message(length="Content-Length: 65500"))
    with pytest.raises(FramingError, match="over 32768 bytes") as caught:
        read(StreamFramer(), b"MESSAGE sip:a@b SIP/2.0\r\n" + b"x: y\r\n" * 6000)
    assert (caught.value.status, caught.value.head) == (513, b"")


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"\0\0\0\0", b"\r\n\r\n\x80", b"\n\n", b"\rx", b" INVITE"])
def test_other_protocols_are_recognised_at_once(data: bytes) -> None:
    with pytest.raises(FramingError, match="not SIP"):
        read(StreamFramer(), data)


def test_no_byte_is_searched_again() -> None:
    """What was looked through stays looked through, but for the three bytes that may begin the empty line."""
    framer = StreamFramer()
    for piece in (message(b"", f"Subject: {'x' * 900}")[:-4][n : n + 1] for n in range(800)):
        assert read(framer, piece) == []
        assert framer._scanned >= len(framer._buffer) - 3

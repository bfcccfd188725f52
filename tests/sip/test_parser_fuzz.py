"""Whatever bytes come: only MalformedMessage leaves the parser, and what passed says the same when re-encoded."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from sip.digest import parse_challenge, parse_credentials
from sip.errors import MalformedHeader, MalformedMessage
from sip.field import FIELD_PARSERS
from sip.message import Request, Response
from sip.parser import parse_message, validate
from sip.uri import SipUri, parse_uri, same_uri
from tests.fakes.mutator import DAMAGES, mutate

T = TypeVar("T")

CORPUS = tuple(
    path.read_bytes() for path in sorted((Path(__file__).parent.parent / "corpus" / "rfc4475").glob("*.dat"))
)
INVITE = (
    b"INVITE sip:9001@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bK-1;rport, SIP/2.0/TCP proxy.example.com;branch=z9hG4bK-2\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "A \\"B\\" C" <sip:1001@127.0.0.1;user=phone>;tag=1\r\n'
    b"To: <sips:9001@127.0.0.1?Subject=x>\r\n"
    b"Call-ID: 1-2@127.0.0.1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b'Contact: <sip:1001@127.0.0.1:5070>;expires=5;+sip.instance="<urn:uuid:0>", <tel:+1>;q=0.1\r\n'
    b"Route: <sip:127.0.0.1;lr>\r\n"
    b"Record-Route: <sip:a;lr>,<sip:b;lr>\r\n"
    b"Supported: timer, 100rel\r\n"
    b"Require: replaces\r\n"
    b"Session-Expires: 1800;refresher=uac\r\n"
    b"Replaces: x@y;to-tag=1;from-tag=2\r\n"
    b"RAck: 1 2 INVITE\r\n"
    b"Retry-After: 5 (busy (very));duration=3\r\n"
    b'Reason: Q.850;cause=16;text="Terminated"\r\n'
    b'Warning: 399 example.com "text"\r\n'
    b"Expires: 60\r\n"
    b"Content-Type: application/sdp;x=1\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"v=0\r\n"
)
SEEDS = (*CORPUS, INVITE)
PIECES = st.sampled_from([line + b"\r\n" for line in INVITE.split(b"\r\n")]) | st.binary(max_size=20)


def fault_of(action: Callable[[], object]) -> MalformedMessage | None:
    """The fault that an action finds, None when it finds none; any other exception is a bug and comes out."""
    try:
        action()
    except MalformedMessage as fault:
        return fault
    return None


def survive(data: bytes) -> None:
    """Parse, read everything, encode, parse again."""
    try:
        message = parse_message(data)
    except MalformedMessage as fault:
        answerable = fault.request
    else:
        answerable = None
        read_and_encode(message)
    assert answerable is None or answerable.headers.get_all("via")


def read_and_encode(message: Request | Response) -> None:
    """Every field parses or is refused by name; the encoded message is the same message."""
    for name, parse in FIELD_PARSERS.items():
        if name in message.headers:
            fault = fault_of(partial(message.headers.parsed, name, parse))
            assert fault is None or fault.where.lower() == name
    fault = fault_of(lambda: validate(message))
    assert fault is None or (fault.request is message) == isinstance(message, Request)
    encoded = message.encode()
    again = parse_message(encoded)
    assert again == message
    assert again.encode() == encoded


@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    survive(data)


@given(st.lists(PIECES, max_size=25))
def test_shuffled_pieces(pieces: list[bytes]) -> None:
    survive(b"".join(pieces))
    survive(INVITE.partition(b"\r\n")[0] + b"\r\n" + b"".join(pieces))


@given(st.integers(0, 2**32), st.sampled_from(SEEDS))
def test_damaged_messages(seed: int, data: bytes) -> None:
    survive(mutate(random.Random(seed), data))


def test_many_damaged_messages() -> None:
    rng = random.Random(4475)
    for _ in range(40):
        for data in SEEDS:
            survive(mutate(rng, data))


def test_damage_is_deterministic_and_every_kind_happens() -> None:
    assert [mutate(random.Random(n), INVITE) for n in range(50)] == [
        mutate(random.Random(n), INVITE) for n in range(50)
    ]
    for damage in DAMAGES:
        assert any(damage(random.Random(n), INVITE) != INVITE for n in range(20)), damage


@given(st.text(alphabet='sip:@;?&=%[]1a.*"<> ,\\\0é\udc80', max_size=40))
def test_header_values(text: str) -> None:
    for parse in FIELD_PARSERS.values():
        assert_refusal_or_value(parse, [text])
        assert_refusal_or_value(parse, [text, text])
    for parse_row in (parse_credentials, parse_challenge):
        assert_refusal_or_value(parse_row, text)
        assert_refusal_or_value(parse_row, "Digest " + text)


def assert_refusal_or_value(parse: Callable[[T], object], value: T) -> None:
    fault = fault_of(lambda: parse(value))
    assert fault is None or (isinstance(fault, MalformedHeader) and fault.status == 400)


@given(st.text(alphabet="abz09:@;?&=%2F[]._-+*é", max_size=30))
def test_uris_print_as_they_were_and_mean_the_same_when_printed_anew(rest: str) -> None:
    try:
        uri = parse_uri("sip:" + rest)
    except MalformedHeader:
        return
    assert isinstance(uri, SipUri)
    assert str(uri) == "sip:" + rest
    anew = SipUri(
        scheme=uri.scheme,
        user=uri.user,
        password=uri.password,
        host=uri.host,
        port=uri.port,
        params=uri.params,
        headers=uri.headers,
    )
    assert parse_uri(str(anew)) == uri
    assert same_uri(anew, uri)

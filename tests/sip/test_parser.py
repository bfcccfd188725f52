"""The parser: framing of datagrams, start lines, limits."""

from __future__ import annotations

import pytest

from sip.errors import MalformedHeader, MalformedMessage
from sip.message import Request, Response
from sip.parser import Limits, parse_message, validate

HEAD = (
    b"OPTIONS sip:a@b SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>\r\n"
    b"Call-ID: x\r\n"
    b"CSeq: 1 OPTIONS\r\n"
)


def fault_of(data: bytes, limits: Limits | None = None) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(data, limits or Limits())
    return caught.value


def test_a_request() -> None:
    message = parse_message(memoryview(b"\r\n\r\n" + HEAD + b"l : 2\r\n\r\nabc"))
    assert isinstance(message, Request)
    assert (message.method, str(message.uri), message.body) == ("OPTIONS", "sip:a@b", b"ab")
    assert "content-length" not in message.headers


def test_without_content_length_the_body_is_the_rest() -> None:
    assert parse_message(HEAD + b"\r\nabc").body == b"abc"


def test_a_response() -> None:
    message = parse_message(b"sip/2.0 486 Busy Here\r\n" + HEAD.partition(b"\r\n")[2] + b"\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (486, "Busy Here")


def test_bare_line_feeds_all_through_are_taken() -> None:
    message = parse_message(HEAD.replace(b"\r\n", b"\n") + b"\nbody\r\n")
    assert (message.call_id, message.body) == ("x", b"body\r\n")


@pytest.mark.parametrize(
    "data",
    [
        HEAD.replace(b"\r\nTo", b"\nTo") + b"\r\n",
        HEAD.replace(b"\r\nTo", b"\rTo") + b"\r\n",
        HEAD.replace(b"\r\n", b"\n", 2) + b"\n",
        HEAD.replace(b"\r\n", b"\r") + b"\r\n\r\n",
    ],
)
def test_mixed_line_ends_are_refused(data: bytes) -> None:
    assert fault_of(data).status == 400


def test_nul_is_refused_unless_escaped() -> None:
    assert fault_of(HEAD + b"Subject: a\0b\r\n\r\n").reason == "NUL within a header field"
    message = parse_message(HEAD + b'Contact: "a\\\0b" <sip:a@b>\r\n\r\n')
    assert message.contacts[0].display == "a\0b"
    assert parse_message(message.encode()) == message


def test_invalid_utf8_survives() -> None:
    message = parse_message(HEAD + b"Subject: \xff\xfe\xc3\xa9\r\n\r\n")
    assert b"Subject: \xff\xfe\xc3\xa9\r\n" in message.encode()


def test_folding() -> None:
    message = parse_message(HEAD + b"Subject: a\r\n \t b\r\n\tc\r\nContact:\r\n <sip:a@b>\r\n\r\n")
    assert message.headers.get("subject") == "a b c"
    assert str(message.contacts[0].uri) == "sip:a@b"
    assert fault_of(HEAD.replace(b"Via", b" Via") + b"\r\n").status == 400


@pytest.mark.parametrize(
    ("data", "where", "status"),
    [
        (HEAD, "message", 400),
        (HEAD + b"l: x\r\n\r\n", "content-length", 400),
        (HEAD + b"l: 5\r\n\r\nabc", "content-length", 400),
        (HEAD + b"l: 3\r\nContent-Length: 3\r\n\r\nabc", "content-length", 400),
        (HEAD + b"To: <sip:e@f>\r\n\r\n", "to", 400),
        (HEAD + b"no colon\r\n\r\n", "header", 400),
        (HEAD + b": no name\r\n\r\n", "header", 400),
        (HEAD + b"bad name: x\r\n\r\n", "header", 400),
        (HEAD.replace(b"1 OPTIONS", b"1 INVITE") + b"\r\n", "cseq", 400),
        (HEAD.replace(b"1 OPTIONS", b"2147483648 OPTIONS") + b"\r\n", "CSeq", 400),
        (HEAD.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1) + b"\r\n", "start line", 505),
        (HEAD.replace(b"SIP/2.0\r\n", b"HTTP/1.1\r\n", 1) + b"\r\n", "start line", 400),
        (HEAD.replace(b" SIP/2.0\r\n", b"\r\n", 1) + b"\r\n", "start line", 400),
        (HEAD.replace(b"sip:a@b SIP", b"sip:a@ SIP", 1) + b"\r\n", "Request-URI", 400),
        (HEAD.replace(b"sip:a@b SIP", b"sip:a@b?c=d SIP", 1) + b"\r\n", "Request-URI", 400),
    ],
)
def test_faults_that_can_be_answered(data: bytes, where: str, status: int) -> None:
    fault = fault_of(data)
    assert (fault.where, fault.status) == (where, status)
    assert fault.request is not None
    assert fault.request.headers.get("via") == "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"
    assert fault.request.call_id == "x"


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_missing_fields(name: bytes) -> None:
    data = b"".join(row + b"\r\n" for row in HEAD.split(b"\r\n") if not row.startswith(name + b":"))
    fault = fault_of(data)
    assert (fault.where, fault.reason) == (name.decode().lower(), "mandatory header field is missing")
    assert (fault.request is None) == (name == b"Via")


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0" * 100, b"SIP/2.0 99 x\r\n\r\n", b"SIP/2.0 700 x\r\n\r\n"])
def test_faults_that_nobody_can_be_told(data: bytes) -> None:
    assert fault_of(data).request is None


@pytest.mark.parametrize("control", [b"\n", b"\r", b"\0"])
def test_faults_whose_fields_cannot_be_repeated(control: bytes) -> None:
    assert fault_of(HEAD.replace(b"tag=1", b"tag=1" + control) + b"\r\n").request is None
    assert fault_of(HEAD + b"Subject: a" + control + b"b\r\n\r\n").request is not None


def test_limits() -> None:
    assert fault_of(b"x" * 65_537).status == 513
    assert parse_message(HEAD + b"Z: y\r\n" * 95 + b"\r\n").headers.get_all("z") == ["y"] * 95
    fault = fault_of(HEAD + b"Z: y\r\n" * 96 + b"\r\n")
    assert (fault.reason, fault.request is not None) == ("over 100 header fields", True)
    assert fault_of(HEAD + b"Z: " + b"y" * 8_192 + b"\r\n\r\n").reason == "a line is over 8192 characters"
    assert fault_of(HEAD + b"\r\n", Limits(max_bytes=20)).status == 513
    fault = fault_of(HEAD.replace(b"sip:a@b", b"sip:" + b"a" * 8_192, 1) + b"\r\n")
    assert (fault.where, fault.status) == ("start line", 414)


def test_a_lone_continuation_line_is_no_header_field() -> None:
    start, _, rest = HEAD.partition(b"\r\n")
    fault = fault_of(start + b"\r\n folded: x\r\n" + rest + b" \r\n\r\n")
    assert fault.where == "header"


@pytest.mark.parametrize(
    "row",
    [
        b"Max-Forwards: 256",
        b"Contact: <sip:",
        b"Record-Route: x",
        b"Route: <sip:a>,",
        b"Content-Type: x",
        b"Require: a b",
        b"Expires: -1",
        b"RAck: 1",
        b"Refer-To: <>",
        b"Session-Expires: x",
        b"Event: a b",
    ],
)
def test_validate_finds_what_would_hurt_later(row: bytes) -> None:
    message = parse_message(HEAD + row + b"\r\n\r\n")
    with pytest.raises(MalformedHeader) as caught:
        validate(message)
    assert caught.value.where == row.partition(b":")[0].decode()
    assert caught.value.request is message

"""Messages: header rows, remembered values, encoding."""

from __future__ import annotations

import pytest

from sip.errors import LocalError, MalformedHeader
from sip.headers import Headers
from sip.message import Request, Response
from sip.uri import parse_uri


def make_request(*rows: tuple[str, str], body: bytes = b"") -> Request:
    base = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", "<sip:a@b>;tag=1"),
        ("To", "<sip:c@d>"),
        ("Call-ID", "x"),
        ("CSeq", "1 OPTIONS"),
    ]
    return Request("OPTIONS", parse_uri("sip:c@d"), Headers([*base, *rows]), body)


def test_rows_are_found_in_any_spelling() -> None:
    headers = Headers([("v", "1"), ("VIA", "2"), ("X-Odd", "3")])
    assert headers.get("Via") == "1"
    assert headers.get_all("via") == ["1", "2"]
    assert headers.get("x-odd") == headers.get("X-ODD") == "3"
    assert "t" not in headers
    assert "V" in headers
    assert 5 not in headers
    assert (headers.get("to"), headers.get_all("to"), len(headers)) == (None, [], 3)
    assert list(headers.items()) == [("via", "1"), ("via", "2"), ("x-odd", "3")]


def test_rows_are_changed() -> None:
    headers = Headers([("to", "a")])
    headers.prepend("Route", "<sip:1>")
    headers.prepend("Route", "<sip:0>")
    headers.add("to", "b")
    assert list(headers.items()) == [("route", "<sip:0>"), ("route", "<sip:1>"), ("to", "a"), ("to", "b")]
    headers.set("to", "c")
    headers.set("route", ["x", "y"])
    headers.remove("subject")
    assert headers == Headers([("route", "x"), ("route", "y"), ("to", "c")])
    headers.set("route", [])
    headers.remove("to")
    assert list(headers.names()) == []
    with pytest.raises(LocalError, match="header field name"):
        headers.add("bad name", "x")


def test_a_copy_is_independent() -> None:
    headers = Headers([("to", "<sip:a@b>")])
    other = headers.copy()
    other.add("to", "x")
    other.set("from", "y")
    assert headers == Headers([("to", "<sip:a@b>")])


def test_parsed_values_are_remembered_until_their_rows_change() -> None:
    message = make_request()
    assert message.from_ is message.from_
    assert message.to_tag is None
    message.headers.set("To", "<sip:c@d>;tag=2")
    assert message.to_tag == "2"
    message.headers.prepend("via", "SIP/2.0/TCP 192.0.2.2")
    assert (message.top_via.host, len(message.vias)) == ("192.0.2.2", 2)
    message.headers.remove("from")
    with pytest.raises(MalformedHeader, match="missing"):
        _ = message.from_


def test_put_parsed_saves_the_parsing() -> None:
    message = make_request()
    via = message.top_via.with_param("received", "192.0.2.9")
    message.headers.put_parsed("via", str(via), (via,))
    assert message.top_via is via
    assert b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received=192.0.2.9\r\n" in message.encode()


def test_optional_fields_are_nothing() -> None:
    message = make_request()
    assert message.contacts == message.routes == message.record_routes == message.path == ()
    assert message.require == message.supported == message.allow == message.unsupported == ()
    assert message.proxy_require == ()
    assert not message.reason_header
    assert not message.warnings
    assert message.asserted_identities == ()
    for value in (
        message.max_forwards,
        message.expires,
        message.min_expires,
        message.content_type,
        message.rack,
        message.rseq,
        message.retry_after,
        message.session_expires,
        message.min_se,
        message.event,
        message.subscription_state,
        message.refer_to,
        message.referred_by,
        message.replaces,
    ):
        assert value is None
    assert not message.contact_is_star


def test_fields_have_their_values() -> None:
    message = make_request(
        ("Contact", "*"), ("Expires", "0"), ("Supported", "Timer, 100REL"), ("Allow", "INVITE,ACK"), ("RSeq", "7")
    )
    assert message.contact_is_star
    assert (message.contacts, message.expires, message.rseq) == ((), 0, 7)
    assert (message.supported, message.allow) == (("timer", "100rel"), ("INVITE", "ACK"))


def test_faults_name_field_and_request() -> None:
    message = make_request(("Expires", "soon"))
    with pytest.raises(MalformedHeader) as caught:
        message.check()
    assert (caught.value.where, caught.value.request) == ("Expires", message)
    assert str(caught.value) == "Expires: expected decimal digits, got 'soon' (answer 400)"
    response = Response(200, "OK", message.headers)
    with pytest.raises(MalformedHeader) as caught:
        _ = response.expires
    assert caught.value.request is None


def test_encoding() -> None:
    message = make_request(("x-new-thing", "é"), ("www-authenticate", "Digest"), ("l", "999"), body=b"\0body")
    assert message.encode() == (
        b"OPTIONS sip:c@d SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        b"From: <sip:a@b>;tag=1\r\n"
        b"To: <sip:c@d>\r\n"
        b"Call-ID: x\r\n"
        b"CSeq: 1 OPTIONS\r\n"
        b"X-New-Thing: \xc3\xa9\r\n"
        b"WWW-Authenticate: Digest\r\n"
        b"Content-Length: 5\r\n"
        b"\r\n"
        b"\0body"
    )
    assert Response(180, "Ringing").encode() == b"SIP/2.0 180 Ringing\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nEvil: b", "a\nb", "a\rb", "a\0b", "a\ud800b"])
def test_nothing_is_smuggled_into_a_row(value: str) -> None:
    with pytest.raises(LocalError):
        make_request(("Subject", value)).encode()


def test_start_lines_are_checked() -> None:
    with pytest.raises(LocalError, match="status 99"):
        Response(99, "x").encode()
    with pytest.raises(LocalError, match="CR, LF"):
        Response(200, "O\r\nK").encode()
    for method in ("", "IN VITE", "A\r\nB"):
        with pytest.raises(LocalError, match="method"):
            Request(method, parse_uri("sip:a")).encode()


def test_equality_and_looks() -> None:
    assert make_request() == make_request()
    assert make_request() != make_request(body=b"x")
    assert Response(200, "OK") == Response(200, "OK") != Response(200, "Okay")
    assert make_request() != Response(200)
    assert repr(make_request()) == "<Request OPTIONS sip:c@d>"
    assert repr(Response(486, "Busy Here")) == "<Response 486 Busy Here>"
    assert repr(Headers([("to", "a")])) == "Headers([('to', 'a')])"

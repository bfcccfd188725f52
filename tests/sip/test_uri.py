"""URIs: parts, escapes, printing, equivalence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sip.errors import MalformedHeader
from sip.uri import OpaqueUri, SipUri, parse_uri, same_uri


def test_all_parts() -> None:
    uri = parse_uri("SIPS:al%69ce:se%40cret@[2001:DB8::1]:5061;Transport=TLS;lr?Subject=a%20b&To=c")
    assert uri == SipUri(
        scheme="sips",
        user="alice",
        password="se@cret",
        host="2001:db8::1",
        port=5061,
        params=(("transport", "TLS"), ("lr", None)),
        headers=(("Subject", "a b"), ("To", "c")),
    )
    assert isinstance(uri, SipUri)
    assert (uri.transport, uri.is_loose, uri.param("maddr")) == ("tls", True, None)
    assert str(uri) == "SIPS:al%69ce:se%40cret@[2001:DB8::1]:5061;Transport=TLS;lr?Subject=a%20b&To=c"


def test_a_changed_copy_is_printed_anew() -> None:
    uri = parse_uri("sip:%61@Example.com;x=%41")
    assert isinstance(uri, SipUri)
    assert str(replace(uri, port=5070)) == "sip:a@example.com:5070;x=A"
    assert hash(replace(uri)) == hash(uri)


def test_printing_escapes_what_it_must() -> None:
    uri = SipUri(user='a b"<>@:é\x00', password="p:", host="::1", params=(("p", ";="),), headers=(("h", "&="),))
    assert str(uri) == "sip:a%20b%22%3C%3E%40%3A%C3%A9%00:p%3A@[::1];p=%3B%3D?h=%26%3D"
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize("text", ["tel:+1-201-555-0123;phone-context=x", "urn:service:sos", "http://a/?b=<"])
def test_other_schemes_stay_opaque(text: str) -> None:
    if "<" in text:
        with pytest.raises(MalformedHeader):
            parse_uri(text)
        return
    uri = parse_uri(text)
    assert isinstance(uri, OpaqueUri)
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        ":a",
        "1sip:a",
        "sip:@a",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b:",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:x",
        "sip:a@b:²",
        "sip:a@b;",
        "sip:a@b;;lr",
        "sip:a@b;x=",
        "sip:a@b;=x",
        "sip:a@b?x",
        "sip:a@b?=x",
        "sip:a@b?",
        "sip:a%4@b",
        "sip:a%zz@b",
        "sip:a@[::1",
        "sip:a@[::1]x",
        "sip:a@[1::2::3]",
        "sip:a@[1:2:3:4:5:6:7]",
        "sip:a@[::1%25eth0]",
        "sip:a@[::192.0.2.256]",
        "sip:a@b<c",
        'sip:a"@b',
        "sip:a@bé",
        "sip:a\x00@b",
        "sip:a@b;" + ";".join(f"p{n}" for n in range(65)),
    ],
)
def test_broken_uris(text: str) -> None:
    with pytest.raises(MalformedHeader):
        parse_uri(text)


@pytest.mark.parametrize("address", ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "FE80::1"])
def test_ipv6_references(address: str) -> None:
    uri = parse_uri(f"sip:[{address}]:5060")
    assert isinstance(uri, SipUri)
    assert (uri.host, uri.port) == (address.lower(), 5060)


# RFC 3261 §19.1.4, its own examples.
SAME = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:carol@chicago.com", "sips:carol@chicago.com"),
    ("sip:carol@chicago.com", "tel:+1"),
    ("tel:+1", "tel:+2"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_equivalent(a: str, b: str) -> None:
    assert same_uri(parse_uri(a), parse_uri(b))
    assert same_uri(parse_uri(b), parse_uri(a))


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_not_equivalent(a: str, b: str) -> None:
    assert not same_uri(parse_uri(a), parse_uri(b))
    assert not same_uri(parse_uri(b), parse_uri(a))

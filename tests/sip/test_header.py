"""Values of header fields, one by one."""

from __future__ import annotations

import pytest

from sip.errors import LocalError, MalformedHeader
from sip.field import FIELD_PARSERS
from sip.grammar import end_of_quoted, parse_digits, parse_list, parse_params, quote, unquote
from sip.header import (
    CSeq,
    MediaType,
    Parameterised,
    RAck,
    Reason,
    RetryAfter,
    Warning,
    parse_cseq,
    parse_media_type,
    parse_rack,
    parse_reasons,
    parse_retry_after,
    parse_session_expires,
    parse_warnings,
)
from sip.name_addr import NameAddr, parse_contacts, parse_name_addr, parse_name_addrs
from sip.uri import SipUri
from sip.via import Via, parse_via, parse_vias


def test_lists_split_only_outside_quotes_and_brackets() -> None:
    assert parse_list('"a,b" <sip:x,y@z>, <sip:b>;q="1,2" ,c') == ['"a,b" <sip:x,y@z>', '<sip:b>;q="1,2"', "c"]
    assert parse_list("a,,b") == ["a", "", "b"]
    assert parse_list("") == [""]


@pytest.mark.parametrize("text", ["plain", 'q"uo\\te', "", "\0", "ünï"])
def test_quoting_is_reversible(text: str) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert end_of_quoted(quoted, 0) == len(quoted)


def test_quoting_refuses_line_ends() -> None:
    with pytest.raises(LocalError):
        quote("a\r\nb")


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "²", "٣", "0x1", " 1", "9" * 30, "256"])
def test_digits(text: str) -> None:
    with pytest.raises(MalformedHeader):
        parse_digits(text, 255)


def test_digits_with_leading_zeros() -> None:
    assert parse_digits("0" * 5000 + "255", 255) == 255


def test_parameters() -> None:
    assert parse_params('A=b;c ; d = "x;\\"y" ; e') == (("a", "b"), ("c", None), ("d", '"x;\\"y"'), ("e", None))
    assert parse_params("received=2001:db8::1;branch=z") == (("received", "2001:db8::1"), ("branch", "z"))


@pytest.mark.parametrize(
    "text", ["", ";", "a;;b", "=b", "a=", 'a="b', 'a="b"c', "a=b c", "a b", "a=<b", "a@=b", ";".join("a" * 65)]
)
def test_broken_parameters(text: str) -> None:
    with pytest.raises(MalformedHeader):
        parse_params(text)


def test_name_addr_forms() -> None:
    alice = SipUri(user="alice", host="example.com")
    assert parse_name_addr("sip:alice@example.com;tag=x") == NameAddr(uri=alice, params=(("tag", "x"),))
    assert parse_name_addr("<sip:alice@example.com>") == NameAddr(uri=alice)
    assert parse_name_addr("Alice B.  <sip:alice@example.com> ;tag=x") == NameAddr(
        display="Alice B.", uri=alice, params=(("tag", "x"),)
    )
    assert parse_name_addr('  "A > <B\\"" <sip:alice@example.com>') == NameAddr(display='A > <B"', uri=alice)
    instance = parse_name_addr('sip:alice@example.com;+sip.instance="<urn:uuid:1>";expires=7')
    assert instance.param("+sip.instance") == "<urn:uuid:1>"
    assert str(instance) == '<sip:alice@example.com>;+sip.instance="<urn:uuid:1>";expires=7'


def test_name_addr_changes() -> None:
    address = parse_name_addr("<sip:a@b>;tag=1;x").with_param("tag", "2").with_param("y", quote("z z"))
    assert str(address) == '<sip:a@b>;tag=2;x;y="z z"'
    assert (address.tag, address.param("y"), address.param("x"), address.param("q")) == ("2", "z z", "", None)
    assert str(NameAddr(display='q"', uri=SipUri(host="b"))) == '"q\\"" <sip:b>'


@pytest.mark.parametrize(
    ("params", "expires_s"),
    [("", None), (";expires=60", 60), (";expires=x", 3600), (";expires", 3600), (";expires=9999999999", 2**32 - 1)],
)
def test_contact_expires(params: str, expires_s: int | None) -> None:
    assert parse_name_addr(f"<sip:a@b>{params}").expires_s == expires_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "alice",
        '"Alice',
        '"Alice"',
        '"Alice" sip:a@b',
        '"Alice" x <sip:a@b>',
        'Al"ice <sip:a@b>',
        "<sip:a@b",
        "sip:a@b>",
        "<sip:a@b> x",
        "<sip:a@b>;",
        "<sip:a@b>x=y",
        "< sip:a@b>",
        "sip:a@b?c=d",
        "sip:a,b@c",
        "*",
    ],
)
def test_broken_name_addrs(text: str) -> None:
    with pytest.raises(MalformedHeader):
        parse_name_addr(text)


def test_lists_of_addresses() -> None:
    rows = ["<sip:a>, <sip:b;lr>", "<sip:c>"]
    assert [str(address.uri) for address in parse_name_addrs(rows)] == ["sip:a", "sip:b;lr", "sip:c"]
    assert parse_contacts(["*"]) == parse_contacts([]) == ()
    for broken in (["*", "<sip:a>"], ["<sip:a>,"], ["*, <sip:a>"], ["*;expires=0"]):
        with pytest.raises(MalformedHeader):
            parse_contacts(broken)


def test_via() -> None:
    via = parse_via("SIP/2.0/udp Example.com:5070;branch=z9hG4bK1;rport;received=[::1]")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "example.com", 5070, "z9hG4bK1")
    assert (via.wants_rport, via.rport, via.received, via.param("x")) == (True, None, "::1", None)
    answered = via.with_param("rport", "5071").with_param("received", "192.0.2.1")
    assert (answered.rport, answered.received) == (5071, "192.0.2.1")
    assert str(answered) == "SIP/2.0/UDP example.com:5070;branch=z9hG4bK1;rport=5071;received=192.0.2.1"
    assert str(parse_via("SIP/2.0/TLS [2001:DB8::9]")) == "SIP/2.0/TLS [2001:db8::9]"
    assert parse_via("sip / 2.0 / ws\thost : 80 ; branch = x") == Via(
        transport="WS", host="host", port=80, params=(("branch", "x"),)
    )


@pytest.mark.parametrize("value", ["70000", "0", "x", "²"])
def test_a_bad_rport_is_none(value: str) -> None:
    assert parse_via(f"SIP/2.0/UDP a;rport={value}").rport is None


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0 host", "SIP/3.0/UDP a", "HTTP/2.0/UDP a", "SIP/2.0/U@P a", "SIP/2.0/UDP a b",
     "SIP/2.0/UDP a:0", "SIP/2.0/UDP a;", "SIP/2.0/UDP [::1", "SIP/2.0/UDP a,b"],
)  # fmt: skip
def test_broken_vias(text: str) -> None:
    with pytest.raises(MalformedHeader):
        parse_vias([text])


def test_via_rows() -> None:
    rows = ["SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b", "SIP/2.0/TLS c"]
    assert [via.host for via in parse_vias(rows)] == ["a", "b", "c"]
    with pytest.raises(MalformedHeader, match="missing"):
        parse_vias([])


def test_cseq_and_rack() -> None:
    assert parse_cseq(["2147483647   INVITE"]) == CSeq(number=2147483647, method="INVITE")
    assert str(CSeq(number=1, method="BYE")) == "1 BYE"
    rack = parse_rack(["4294967295 1 INVITE"])
    assert rack == RAck(response_number=4294967295, cseq_number=1, method="INVITE")
    assert str(rack) == "4294967295 1 INVITE"
    for cseq in ("", "1", "INVITE", "2147483648 INVITE", "1 IN VITE", "1 @"):
        with pytest.raises(MalformedHeader):
            parse_cseq([cseq])
    for row in ("1 1", "1 x INVITE", "4294967296 1 INVITE"):
        with pytest.raises(MalformedHeader):
            parse_rack([row])


def test_media_type() -> None:
    kind = parse_media_type(['Multipart/MIXED ; boundary="a b"'])
    assert kind == MediaType(type="multipart", subtype="mixed", params=(("boundary", '"a b"'),))
    assert kind is not None
    assert (kind.essence, kind.param("boundary")) == ("multipart/mixed", "a b")
    assert str(kind) == 'multipart/mixed;boundary="a b"'
    for broken in ("text", "/x", "text/", "a b/c"):
        with pytest.raises(MalformedHeader):
            parse_media_type([broken])


def test_reasons_and_warnings() -> None:
    reasons = parse_reasons(['Q.850;cause=16;text="a, b", SIP;cause=x', "X"])
    assert [(item.protocol, item.cause, item.text) for item in reasons] == [
        ("Q.850", 16, "a, b"),
        ("SIP", None, None),
        ("X", None, None),
    ]
    assert str(Reason(protocol="Q.850", params=(("cause", "16"),))) == "Q.850;cause=16"
    (warning,) = parse_warnings(['399 host.example.com "some \\"text\\""'])
    assert warning == Warning(code=399, agent="host.example.com", text='some "text"')
    assert str(warning) == '399 host.example.com "some \\"text\\""'
    for broken in ("399", "399 host", "399 host text", '1812 host "x"', '399 host "x" y', "²99 a b"):
        with pytest.raises(MalformedHeader):
            parse_warnings([broken])


def test_retry_after() -> None:  # RFC 3261 §20.33
    assert parse_retry_after(["18000;duration=3600"]) == RetryAfter(delay_s=18000, duration_s=3600)
    assert parse_retry_after(["120 (I'm (really) in)"]) == RetryAfter(delay_s=120, comment="I'm (really) in")
    for broken in ("x", "1 (a", "1;duration=", "949302838503028349304023988"):
        with pytest.raises(MalformedHeader):
            parse_retry_after([broken])


def test_session_expires() -> None:
    interval = parse_session_expires(["1800;refresher=uac"])
    assert interval == Parameterised(value="1800", params=(("refresher", "uac"),))
    assert str(interval) == "1800;refresher=uac"
    for broken in ("", "soon", "-1", "1 2"):
        with pytest.raises(MalformedHeader):
            parse_session_expires([broken])


@pytest.mark.parametrize("name", sorted(FIELD_PARSERS.keys() - {"via", "from", "to", "call-id", "cseq"}))
def test_absent_fields_are_nothing(name: str) -> None:
    assert FIELD_PARSERS[name]([]) in (None, ())


@pytest.mark.parametrize("name", ["via", "from", "to", "call-id", "cseq"])
def test_absent_mandatory_fields_are_errors(name: str) -> None:
    with pytest.raises(MalformedHeader, match="missing"):
        FIELD_PARSERS[name]([])

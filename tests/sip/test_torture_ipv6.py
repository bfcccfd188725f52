"""The IPv6 torture messages of RFC 5118, each with its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.sdp import parse_sdp
from sip.errors import MalformedMessage
from sip.message import Request
from sip.parser import parse_message, validate
from sip.uri import SipUri

CORPUS = Path(__file__).parent.parent / "corpus" / "rfc5118"

# Name -> (host and port of the Request-URI, hosts of the Vias, addresses of the media lines)
WELL_FORMED: dict[str, tuple[tuple[str, int | None], list[str], list[str]]] = {
    "ipv6-good": (("2001:db8::10", None), ["2001:db8::9:1"], []),
    "port-ambiguous": (("2001:db8::10:5070", None), ["2001:db8::9:1"], []),
    "port-unambiguous": (("2001:db8::10", 5070), ["2001:db8::9:1"], []),
    "via-received-param-with-delim": (("2001:db8::10", None), ["2001:db8::9:1"], []),
    "via-received-param-no-delim": (("2001:db8::10", None), ["2001:db8::9:1"], []),
    "ipv6-in-sdp": (("2001:db8::10", None), ["2001:db8::20"], ["2001:db8::20", "2001:db8::20"]),
    "mult-ip-in-header": (("host.example.net", None), ["2001:db8::9:1", "192.0.2.1", "2001:db8::9:255"], []),
    "mult-ip-in-sdp": (("2001:db8::10", None), ["2001:db8::9:1"], ["192.0.2.1", "2001:db8::1"]),
    "ipv4-mapped-ipv6": (
        ("example.com", None),
        ["::ffff:192.0.2.10", "::ffff:192.0.2.2"],
        ["::ffff:192.0.2.2", "::ffff:192.0.2.2"],
    ),
    "ipv6-bug-abnf-3-colons": (("2001:db8::192.0.2.1", None), ["lab1.east.example.com"], []),
    "ipv6-correct-abnf-2-colons": (("2001:db8::192.0.2.1", None), ["lab1.east.example.com"], []),
}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed(name: str) -> None:
    target, hosts, addresses = WELL_FORMED[name]
    message = parse_message((CORPUS / f"{name}.dat").read_bytes())
    validate(message)
    assert isinstance(message, Request)
    assert isinstance(message.uri, SipUri)
    assert (message.uri.host, message.uri.port) == target
    assert [via.host for via in message.vias] == hosts
    if message.body:
        assert [line.address for line in parse_sdp(message.body).media] == addresses
    else:
        assert not addresses
    assert parse_message(message.encode()) == message


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_received_with_and_without_brackets(name: str) -> None:  # RFC 5118 §4.5
    message = parse_message((CORPUS / f"{name}.dat").read_bytes())
    assert message.top_via.received == "2001:db8::9:255"


def test_an_address_without_brackets_is_refused() -> None:  # RFC 5118 §4.2
    with pytest.raises(MalformedMessage) as caught:
        parse_message((CORPUS / "ipv6-bad.dat").read_bytes())
    assert (caught.value.where, caught.value.status) == ("Request-URI", 400)
    assert caught.value.request is not None


def test_every_message_has_its_verdict() -> None:
    assert {path.stem for path in CORPUS.glob("*.dat")} == WELL_FORMED.keys() | {"ipv6-bad"}

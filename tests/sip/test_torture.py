"""The torture messages of RFC 4475, each with its exact verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.sdp import parse_sdp
from sip.digest import find_credentials
from sip.errors import MalformedHeader, MalformedMessage
from sip.message import Request, Response
from sip.parser import parse_message, validate
from sip.uri import OpaqueUri, SipUri, parse_uri, same_uri

CORPUS = Path(__file__).parent.parent / "corpus" / "rfc4475"


def request(name: str) -> Request:
    message = parse_message((CORPUS / f"{name}.dat").read_bytes())
    assert isinstance(message, Request)
    return message


def response(name: str) -> Response:
    message = parse_message((CORPUS / f"{name}.dat").read_bytes())
    assert isinstance(message, Response)
    return message


def sip_uri(uri: object) -> SipUri:
    assert isinstance(uri, SipUri)
    return uri


def wsinv() -> None:
    message = request("wsinv")
    assert message.method == "INVITE"
    assert sip_uri(message.uri).param("unknownparam") == ""
    assert (message.to.tag, message.from_.tag) == ("1918181833n", "98asjd8")
    assert message.from_.display == 'J Rosenberg \\"'
    assert (message.max_forwards, message.cseq.number) == (68, 9)
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.headers.get("subject") == ""
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert sip_uri(message.routes[0].uri).is_loose
    (contact,) = message.contacts
    assert contact.display == 'Quoted string ""'
    assert [contact.param(name) for name in ("newparam", "secondparam", "q")] == ["newvalue", "", "0.33"]
    assert len(message.body) == 150
    assert parse_sdp(message.body).media[0].address == "192.0.2.4"


def intmeth() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = sip_uri(message.uri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.top_via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert (message.max_forwards, message.cseq.number) == (255, 139122385)
    assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def esc01() -> None:
    message = request("esc01")
    uri = sip_uri(message.uri)
    assert (uri.scheme, uri.user, uri.host) == ("sip", "sips:user@example.com", "example.net")
    assert sip_uri(message.to.uri).user == "user"
    assert same_uri(message.to.uri, parse_uri("sip:user@EXAMPLE.com"))
    assert sip_uri(message.from_.uri).user == "I have spaces"
    contact = sip_uri(message.contacts[0].uri)
    assert contact.user == "caller"
    assert contact.is_loose
    assert contact.param("name") == "value%41"
    assert str(contact).endswith("%6C%72;n%61me=v%61lue%25%34%31")


def escnull() -> None:
    message = request("escnull")
    assert sip_uri(message.to.uri).user == "null-\x00-null"
    assert [sip_uri(contact.uri).user for contact in message.contacts] == ["\x00", "\x00\x00"]
    assert not same_uri(message.contacts[0].uri, message.contacts[1].uri)
    assert b"null-%00-null" in message.encode()


def esc02() -> None:
    message = request("esc02")
    assert message.method == message.cseq.method == "RE%47IST%45R"
    assert message.to.display == "%Z%45"
    assert [str(contact.uri) for contact in message.contacts] == [
        "sip:alias1@host1.example.com",
        "sip:alias3@host3.example.com",
    ]
    assert message.headers.get("c%6fntact") == "<sip:alias2@host2.example.com>"


def lwsdisp() -> None:
    message = request("lwsdisp")
    assert (message.from_.display, message.from_tag) == ("caller", "323")


def longreq() -> None:
    message = request("longreq")
    assert len(message.vias) == 34
    assert message.vias[-1].received == "192.0.2.5"
    assert len(sip_uri(message.contacts[0].uri).user or "") == 115
    assert sip_uri(message.to.uri).port == 6000


def dblreq() -> None:
    message = request("dblreq")
    assert (message.method, message.body) == ("REGISTER", b"")
    assert b"INVITE" not in message.encode()


def semiuri() -> None:
    uri = sip_uri(request("semiuri").uri)
    assert (uri.user, uri.host, uri.params) == ("user;par=u@example.net", "example.com", ())


def transports() -> None:
    message = request("transports")
    assert [via.transport for via in message.vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def mpart01() -> None:
    message = request("mpart01")
    content_type = message.content_type
    assert content_type is not None
    assert (content_type.essence, content_type.param("boundary")) == ("multipart/mixed", "7a9cbec02ceef655")
    assert len(message.body) == 553
    assert message.body.count(b"\x00") > 1


def unreason() -> None:
    message = response("unreason")
    assert (message.status, message.reason) == (200, "= 2**3 * 5**2 но сто девяносто девять - простое")


def noreason() -> None:
    message = response("noreason")
    assert (message.status, message.reason) == (100, "")


def baddate() -> None:
    assert request("baddate").headers.get("date") == "Fri, 01 Jan 2010 16:00:00 EST"


def badbranch() -> None:
    assert request("badbranch").top_via.branch == "z9hG4bK"


def unkscm() -> None:
    uri = request("unkscm").uri
    assert uri == OpaqueUri(scheme="nobodyknowsthisscheme", rest="totallyopaquecontent")


def novelsc() -> None:
    assert request("novelsc").uri == OpaqueUri(scheme="soap.beep", rest="//192.0.2.103:3002")


def unksm2() -> None:
    message = request("unksm2")
    assert [str(address.uri) for address in (message.to, message.from_, *message.contacts)] == [
        "isbn:2983792873",
        "http://www.example.com",
        "name:John_Smith",
    ]


def bext01() -> None:
    message = request("bext01")
    assert message.require == ("nothingsupportsthis", "nothingsupportsthiseither")
    assert message.proxy_require == ("noproxiessupportthis", "nordoanyproxiessupportthis")


def invut() -> None:
    content_type = request("invut").content_type
    assert content_type is not None
    assert content_type.essence == "application/unknownformat"


def regaut01() -> None:
    message = request("regaut01")
    assert find_credentials(message.headers.get_all("authorization"), "example.com") is None


def bcast() -> None:
    assert [via.host for via in response("bcast").vias] == ["192.0.2.198", "255.255.255.255"]


def zeromf() -> None:
    assert request("zeromf").max_forwards == 0


def cparam01() -> None:
    (contact,) = request("cparam01").contacts
    assert (contact.param("unknownparam"), sip_uri(contact.uri).params) == ("", ())


def cparam02() -> None:
    (contact,) = request("cparam02").contacts
    assert (contact.params, sip_uri(contact.uri).param("unknownparam")) == ((), "")


def regescrt() -> None:
    (contact,) = request("regescrt").contacts
    assert sip_uri(contact.uri).headers == (("Route", "<sip:sip.example.com>"),)


def sdp01() -> None:
    message = request("sdp01")
    assert message.headers.get("accept") == "text/nobodyKnowsThis"
    assert len(parse_sdp(message.body).media) == 2


def inv2543() -> None:
    message = request("inv2543")
    assert (message.max_forwards, message.from_tag, message.top_via.branch) == (None, None, None)
    assert message.to.param("user") == "phone"
    assert sip_uri(message.record_routes[0].uri).param("maddr") == "ss1.example.com"
    assert parse_sdp(message.body).audio is not None


WELL_FORMED: dict[str, tuple[Callable[[], None], str]] = {
    "wsinv": (wsinv, ""),
    "intmeth": (intmeth, "transaction user: 501"),
    "esc01": (esc01, ""),
    "escnull": (escnull, ""),
    "esc02": (esc02, "transaction user: 501"),
    "lwsdisp": (lwsdisp, ""),
    "longreq": (longreq, ""),
    "dblreq": (dblreq, ""),
    "semiuri": (semiuri, ""),
    "transports": (transports, ""),
    "mpart01": (mpart01, ""),
    "unreason": (unreason, ""),
    "noreason": (noreason, ""),
    "baddate": (baddate, "nobody: Date is not looked at"),
    "badbranch": (badbranch, "transaction: matched as RFC 2543 does"),
    "unkscm": (unkscm, "transaction user: 416"),
    "novelsc": (novelsc, "transaction user: 416"),
    "unksm2": (unksm2, "registrar: 404 or 400"),
    "bext01": (bext01, "transaction user: 420"),
    "invut": (invut, "transaction user: 415"),
    "regaut01": (regaut01, "registrar: 401, as without credentials"),
    "bcast": (bcast, "transaction: matches none, dropped"),
    "zeromf": (zeromf, "transaction user: answers, a proxy says 483"),
    "cparam01": (cparam01, ""),
    "cparam02": (cparam02, ""),
    "regescrt": (regescrt, ""),
    "sdp01": (sdp01, "transaction user: 406"),
    "inv2543": (inv2543, ""),
}
"""Name -> (facts, who refuses it later, if anybody)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the parser says of a malformed message, and whether there is somebody to answer."""

    status: int = 400
    where: str
    reason: str
    by_validate: bool = False
    answerable: bool = True


MALFORMED: dict[str, Refusal] = {
    "badinv01": Refusal(where="Via", reason="parameter name expected", by_validate=True),
    "clerr": Refusal(where="content-length", reason="promises 9999 bytes, 154 came"),
    "ncl": Refusal(where="content-length", reason="decimal digits"),
    "scalar02": Refusal(where="CSeq", reason="over 2147483647"),
    "scalarlg": Refusal(where="CSeq", reason="over 2147483647", by_validate=True, answerable=False),
    "quotbal": Refusal(where="To", reason="not closed", by_validate=True),
    "ltgtruri": Refusal(where="Request-URI", reason="not a URI"),
    "lwsruri": Refusal(where="Request-URI", reason="character not allowed"),
    "lwsstart": Refusal(where="Request-URI", reason="not a URI"),
    "trws": Refusal(where="start line", reason="not a start line"),
    "escruri": Refusal(where="Request-URI", reason="headers are not allowed here"),
    "regbadct": Refusal(where="Contact", reason="needs angle brackets", by_validate=True),
    "badaspec": Refusal(where="To", reason="not a URI", by_validate=True),
    "baddn": Refusal(where="message", reason="no empty line"),
    "badvers": Refusal(status=505, where="start line", reason="is not SIP/2.0"),
    "mismatch01": Refusal(where="cseq", reason="INVITE"),
    "mismatch02": Refusal(where="cseq", reason="INVITE"),
    "bigcode": Refusal(where="status line", reason="no such status", answerable=False),
    "insuf": Refusal(where="from", reason="missing"),
    "multi01": Refusal(where="cseq", reason="stands twice"),
    "mcl01": Refusal(where="content-length", reason="stands twice"),
}


def test_every_message_has_its_verdict() -> None:
    names = {path.stem for path in CORPUS.glob("*.dat")}
    assert len(names) == 49
    assert names == WELL_FORMED.keys() | MALFORMED.keys()
    assert not WELL_FORMED.keys() & MALFORMED.keys()


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed(name: str) -> None:
    facts, _ = WELL_FORMED[name]
    message = parse_message((CORPUS / f"{name}.dat").read_bytes())
    validate(message)
    facts()
    again = parse_message(message.encode())
    assert again == message
    validate(again)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    expected = MALFORMED[name]
    data = (CORPUS / f"{name}.dat").read_bytes()
    fault: MalformedMessage
    if expected.by_validate:
        message = parse_message(data)
        with pytest.raises(MalformedHeader) as header_fault:
            validate(message)
        fault = header_fault.value
    else:
        with pytest.raises(MalformedMessage) as message_fault:
            parse_message(data)
        fault = message_fault.value
    assert (fault.status, fault.where) == (expected.status, expected.where)
    assert expected.reason in fault.reason
    assert (fault.request is not None) == expected.answerable
    if fault.request is not None:
        assert fault.request.headers.get("via") is not None
        assert fault.request.headers.get("cseq") is not None


def test_unquoted_display_name_is_understood() -> None:
    data = (CORPUS / "baddn.dat").read_bytes() + b"\r\n"
    message = parse_message(data)
    validate(message)
    assert message.from_.display == "Bell, Alexander"
    assert str(message.from_) == '"Bell, Alexander" <sip:a.g.bell@example.com>;tag=43'


def test_files_with_delicate_bytes_are_the_archives_own() -> None:
    known = {
        "wsinv": "d6f6cdee99cd0a1f8e3d9a0fdd67c877700e19ab86d8186dada06f61260e3e61",
        "intmeth": "b957a8292c1c0a9851fe94705b90f94320738f43aacde64998e401f742ef688d",
        "esc01": "be3a316d4ce5f69cad474646191e390dd4b50fc8371e44b5197fe1237781973e",
        "longreq": "185739292bc676760e5b1cca77c87705aa570240171c506ad76f8c35af0ecdaa",
        "dblreq": "a6be48426565c2a705389c4ce2ea17e57b891cb13f80490a2cb9392c797b46ef",
        "mpart01": "92147c8e24997bac59629e1b163767697d0d6d499af87f89e325d69968bec3ba",
        "unreason": "4f939d6ebf4817eea70f011d3209e83732872ffc20ffd304b244084dc392f4d7",
        "noreason": "07e11e470a69fffa3674de805e5165d1351a9439a91045ee70c9570ea24ab4fe",
    }
    for name, digest in known.items():
        assert hashlib.sha256((CORPUS / f"{name}.dat").read_bytes()).hexdigest() == digest, name

"""What the trace keeps of a message, and what it never holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.trace.scrub import scrub

HEAD = b"INVITE sip:1002@demo.local SIP/2.0\r\nCall-ID: a\r\n"
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n"


@pytest.mark.parametrize(
    "message",
    [
        HEAD + b"\r\n",
        HEAD + b"Content-Type: application/sdp\r\n\r\n" + SDP,
        HEAD + b'WWW-Authenticate: Digest realm="demo.local", nonce="n"\r\n\r\n',
        b"\x00\xff not SIP at all",
    ],
)
def test_what_holds_no_secret_stays(message: bytes) -> None:
    assert scrub(message) == message


@pytest.mark.parametrize(
    "name", [b"Authorization", b"PROXY-AUTHORIZATION", b"proxy-authorization ", b"Authorization\t"]
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_proof_of_a_password_is_masked(name: bytes, end: bytes) -> None:
    line = (
        name
        + b': Digest username="1001", realm="demo.local", nonce="KEY1",'
        + end
        + b' uri="sip:x", RESPONSE = "KEY2", '
        b'cnonce="KEY3",response=KEY4, nc=00000001'
    )
    kept = scrub(HEAD.replace(b"\r\n", end) + line + end + b"To: <sip:b>" + end + end)
    assert b"KEY" not in kept
    assert b'username="1001"' in kept
    assert b"nc=00000001" in kept
    assert b"To: <sip:b>" in kept


@pytest.mark.parametrize("value", [b"Basic S0VZ", b"Bearer KEY.KEY", b"KEY", b"digest2 response=KEY"])
def test_other_credentials_are_masked_as_a_whole(value: bytes) -> None:
    kept = scrub(HEAD + b"Authorization: " + value + b"\r\nTo: <sip:b>\r\n\r\n")
    assert kept == HEAD + b"Authorization: ***\r\nTo: <sip:b>\r\n\r\n"


def test_two_rows_of_credentials() -> None:
    row = b'Authorization: Digest response="KEY"\r\n'
    assert scrub(HEAD + row + row + b"\r\n").count(b"response=***") == 2


@pytest.mark.parametrize("blank", [b"\r\n\r\n", b"\n\n"])
def test_other_bodies_are_withheld(blank: bytes) -> None:
    head = b"INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay; x=1"
    assert scrub(head + blank + b"Signal=5\r\nDuration=160\r\n") == (
        head + blank + b"[24 bytes of application/dtmf-relay withheld]"
    )
    assert scrub(b"MESSAGE sip:a SIP/2.0" + blank + b"hush") == (
        b"MESSAGE sip:a SIP/2.0" + blank + b"[4 bytes of no type withheld]"
    )


def test_keys_of_media_are_masked() -> None:
    keys = (
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY/+=|2^20|1:32;inline:KEY2\r\n"
        b"a=ice-ufrag:u\r\na=ice-pwd:KEY3\r\na=sendrecv\r\n"
    )
    kept = scrub(HEAD + b"\r\n" + SDP + keys)
    assert b"KEY" not in kept
    assert kept.endswith(
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^20|1:32;inline:***\r\n"
        b"a=ice-ufrag:u\r\na=ice-pwd:***\r\na=sendrecv\r\n"
    )


@given(st.binary(max_size=300))
def test_anything_can_be_scrubbed(message: bytes) -> None:
    scrub(message)
    scrub(b"Authorization: " + message)


@given(st.text("aA:= \r\n\t\"',", max_size=60))
def test_no_folding_hides_a_response(noise: str) -> None:
    kept = scrub(HEAD + b'Authorization: Digest a="b", response="KEY"' + noise.encode() + b"\r\n\r\n")
    assert b"KEY" not in kept

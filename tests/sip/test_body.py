"""Finding the session description in a body."""

from __future__ import annotations

import pytest

from sip.body import UnsupportedBody, session_description
from sip.headers import Headers
from sip.message import Response

SDP = b"v=0\r\ns=-\r\n"
MULTIPART = (
    b"preamble\r\n--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--b1\r\nContent-Disposition: session\r\nContent-Type: application/SDP;level=1\r\n\r\n" + SDP + b"\r\n--b1--\r\n"
)


def message(body: bytes, **headers: str) -> Response:
    rows = Headers()
    for name, value in headers.items():
        rows.add(name.replace("_", "-"), value)
    return Response(200, "OK", rows, body)


@pytest.mark.parametrize("kind", ["application/sdp", "Application/SDP", "application/sdp ; charset=utf-8"])
def test_a_description_alone(kind: str) -> None:
    assert session_description(message(SDP, content_type=kind)) == SDP


def test_no_body_is_no_description() -> None:
    assert session_description(message(b"", content_type="text/plain")) == b""


@pytest.mark.parametrize(
    "kind",
    ["multipart/mixed;boundary=b1", 'multipart/mixed; Boundary="b1"', "multipart/alternative;x=y; boundary = b1"],
)
def test_a_description_among_others(kind: str) -> None:
    assert session_description(message(MULTIPART, content_type=kind)) == SDP


def test_a_multipart_without_a_description() -> None:
    body = b"--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1--\r\n"
    assert session_description(message(body, content_type="multipart/mixed;boundary=b1")) == b""


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"content_type": "text/plain"}, "text/plain"),
        ({}, "a body without Content-Type"),
        ({"content_type": "application/sdp", "content_encoding": "gzip"}, "content encoding gzip"),
        ({"content_type": "multipart/mixed"}, "multipart without boundary"),
        ({"content_type": "text/plain", "content_disposition": "render;handling=required"}, "text/plain"),
    ],
)
def test_bodies_that_must_be_understood_and_are_not(headers: dict[str, str], why: str) -> None:
    with pytest.raises(UnsupportedBody, match=why):
        session_description(message(SDP, **headers))


def test_a_body_that_need_not_be_understood() -> None:
    icon = message(b"GIF", content_type="image/gif", content_disposition="icon; handling = optional")
    assert session_description(icon) == b""


def test_identity_is_no_encoding() -> None:
    assert session_description(message(SDP, content_type="application/sdp", content_encoding="Identity")) == SDP

"""Bodies: finding the session description of a message, alone or in a multipart (RFC 3261 §7.4, RFC 5621)."""

from __future__ import annotations

from sip.message import Request, Response

SDP = "application/sdp"


class UnsupportedBody(Exception):
    """The message carries a body that must be understood and is not: 415 (RFC 3261 §8.2.3)."""


def session_description(message: Request | Response) -> bytes:
    """The session description, b"" where there is none. Raises UnsupportedBody for a body of another required kind."""
    body = message.body
    if not body:
        return b""
    kind = (message.headers.get("content-type") or "").strip()
    bare = kind.partition(";")[0].strip().lower()
    encoding = (message.headers.get("content-encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedBody(f"content encoding {encoding}")
    if bare == SDP:
        return body
    if bare.startswith("multipart/"):
        return _from_multipart(body, kind)
    disposition = (message.headers.get("content-disposition") or "").lower()
    if "handling=optional" in disposition.replace(" ", ""):
        return b""
    raise UnsupportedBody(bare or "a body without Content-Type")


def _from_multipart(body: bytes, kind: str) -> bytes:
    """The first application/sdp part. Parts of other kinds are left alone: the description is what a call needs."""
    boundary = ""
    for parameter in kind.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "boundary":
            boundary = value.strip().strip('"')
    if not boundary:
        raise UnsupportedBody("multipart without boundary")
    for part in body.split(b"--" + boundary.encode("utf-8", "surrogateescape"))[1:]:
        head, _, content = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            name_bytes, _, value_bytes = line.partition(b":")
            named = name_bytes.strip().lower() in (b"content-type", b"c")
            if named and value_bytes.partition(b";")[0].strip().lower() == SDP.encode():
                return content.removesuffix(b"\r\n")
    return b""

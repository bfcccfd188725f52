"""What the trace never holds: credentials, keys of media, and bodies other than session descriptions."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = b"***"

_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_CREDENTIALS: Final = re.compile(
    rb"^((?:proxy-)?authorization[ \t]*:[ \t\r\n]*)(\S*)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_PROOF: Final = re.compile(rb"\b((?:response|c?nonce)\s*=\s*)(\"[^\"]*\"?|[^,\s]*)", re.IGNORECASE)
_MEDIA_KEY: Final = re.compile(rb"(inline:|^a=ice-pwd:)[^\s|;]*", re.IGNORECASE | re.MULTILINE)
_CONTENT_TYPE: Final = re.compile(rb"^(?:content-type|c)[ \t]*:[ \t]*([^\s;]{1,80})", re.IGNORECASE | re.MULTILINE)


def scrub(message: bytes) -> bytes:
    """A SIP message as the trace may keep it; one that has nothing to hide comes back as it is.

    `response`, `nonce` and `cnonce` of credentials are masked (RFC 7616 §3.4), credentials that are not Digest as a
    whole; so are the keys of a session description (RFC 4568 §9.1, RFC 8839 §5.4). Any other body is left out: digits
    of an INFO may be somebody's PIN, a MESSAGE is somebody's letter.
    """
    end = message.find(b"\r\n\r\n")
    if end >= 0 and b"authorization" not in message.lower() and (end + 4 == len(message) or _plain(message, end + 4)):
        return message
    blank = _BLANK_LINE.search(message)
    if blank is None:
        return _CREDENTIALS.sub(_masked, message)
    head, body = message[: blank.start()], message[blank.end() :]
    return _CREDENTIALS.sub(_masked, head) + blank[0] + _body(head, body)


def _plain(message: bytes, begin: int) -> bool:
    """Whether the body that begins there is a session description without keys."""
    if not message.startswith(b"v=0", begin):
        return False
    body = message[begin:].lower()
    return b"inline:" not in body and b"a=ice-pwd" not in body


def _masked(found: re.Match[bytes]) -> bytes:
    name, scheme, rest = found.groups()
    if scheme.lower() != b"digest":
        return bytes(name + MASK)
    return bytes(name + scheme + _PROOF.sub(rb"\g<1>" + MASK, rest))


def _body(head: bytes, body: bytes) -> bytes:
    if not body.strip():
        return body
    if body.startswith(b"v=0"):
        return _MEDIA_KEY.sub(rb"\g<1>" + MASK, body)
    found = _CONTENT_TYPE.search(head)
    kind = found[1] if found is not None else b"no type"
    return b"[%d bytes of %s withheld]" % (len(body), kind)

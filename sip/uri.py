"""SIP, SIPS and opaque URIs: parse, print, compare (RFC 3261 §19.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_from_bytes, unquote

from sip.errors import MalformedHeader
from sip.grammar import (
    ALPHANUM,
    MAX_PARAMS,
    Params,
    excerpt,
    find_param,
    format_host,
    parse_host_port,
    remember,
)

# RFC 3261 §25.1: what may stand unescaped beside unreserved characters.
_MARK: Final = "-_.!~*'()"
_USER_SAFE: Final = _MARK + "&=+$,;?/"
_PASSWORD_SAFE: Final = _MARK + "&=+$,"
_PARAM_SAFE: Final = _MARK + "[]/:&+$"
_HEADER_SAFE: Final = _MARK + "[]/?:+$"
# RFC 3261 §19.1.4 and its examples: these count even when only one of the two URIs has them.
_SIGNIFICANT_PARAMS: Final = frozenset({"user", "ttl", "method", "maddr", "transport"})
_SCHEME_CHARS: Final = ALPHANUM + "+-."


@dataclass(frozen=True, slots=True, kw_only=True)
class SipUri:
    """A sip: or sips: URI with escapes decoded.

    `host` is lower case, an IPv6 address without brackets; `params` are (lower-case name, value or None)
    pairs, `headers` (name, value) pairs, in wire order. `str()` gives back the very text that was parsed.
    """

    scheme: str = "sip"
    user: str | None = None
    password: str | None = None
    host: str
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()
    _text: str = field(default="", init=False, repr=False, compare=False)

    def param(self, name: str) -> str | None:
        """Value of a parameter; '' when it stands without a value, None when absent."""
        return find_param(self.params, name) if self.params else None

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.param("transport")
        return value.lower() if value else None

    @property
    def is_loose(self) -> bool:
        """Whether `;lr` is there (RFC 3261 §19.1.1)."""
        return self.param("lr") is not None

    def __str__(self) -> str:
        if not self._text:
            object.__setattr__(self, "_text", _print_sip_uri(self))
        return self._text


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueUri:
    """A URI of any other scheme (tel:, urn:, http:, unknown); `rest` is everything after the colon."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


AnyUri = SipUri | OpaqueUri


@remember(2048)
def parse_uri(text: str) -> AnyUri:
    """Parse a URI without brackets or blanks around it; raises MalformedHeader.

    Non-ASCII letters in the user part pass (softphones send them unescaped); blanks, control characters,
    quotes and angle brackets never do.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not scheme or not rest or scheme.strip(_SCHEME_CHARS) or not scheme[0].isalpha():
        raise MalformedHeader(f"not a URI: {excerpt(text)}")
    if " " in text or "<" in text or ">" in text or '"' in text or not text.isprintable():
        raise MalformedHeader(f"character not allowed in a URI: {excerpt(text)}")
    scheme = scheme.lower()
    if scheme not in ("sip", "sips"):
        return OpaqueUri(scheme=scheme, rest=rest)
    return _parse_sip_uri(text, scheme, rest)


def _parse_sip_uri(text: str, scheme: str, rest: str) -> SipUri:
    """Everything after `sip:`; the user part ends at '@', since no later part may hold a bare '@'."""
    user: str | None = None
    password: str | None = None
    userinfo, at, after = rest.partition("@")
    if at:
        if "@" in after:
            raise MalformedHeader(f"two '@' in a URI, escape one as %40: {excerpt(text)}")
        user, colon, secret = userinfo.partition(":")
        if not user:
            raise MalformedHeader(f"empty user in a URI: {excerpt(text)}")
        user = _decode(user)
        password = _decode(secret) if colon else None
    else:
        after = rest
    before_headers, question, header_text = after.partition("?")
    host_port, semicolon, param_text = before_headers.partition(";")
    host, port = parse_host_port(host_port)
    uri = SipUri(
        scheme=scheme,
        user=user,
        password=password,
        host=host,
        port=port,
        params=_parse_uri_params(param_text) if semicolon else (),
        headers=_parse_uri_headers(header_text) if question else (),
    )
    object.__setattr__(uri, "_text", text)
    return uri


def _parse_uri_params(text: str) -> Params:
    params: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not name or (equals and not value):
            raise MalformedHeader(f"empty URI parameter: {excerpt(text)}")
        params.append((_decode(name).lower(), _decode(value) if equals else None))
    if len(params) > MAX_PARAMS:
        raise MalformedHeader(f"over {MAX_PARAMS} URI parameters")
    return tuple(params)


def _parse_uri_headers(text: str) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise MalformedHeader(f"URI header without name or value: {excerpt(text)}")
        headers.append((_decode(name), _decode(value)))
    if len(headers) > MAX_PARAMS:
        raise MalformedHeader(f"over {MAX_PARAMS} URI headers")
    return tuple(headers)


def _decode(text: str) -> str:
    """Resolve %HH escapes; raises MalformedHeader on '%' without two hexadecimal digits."""
    if "%" not in text:
        return text
    for piece in text.split("%")[1:]:
        if len(piece) < 2 or piece[:2].strip("0123456789abcdefABCDEF"):
            raise MalformedHeader(f"'%' without two hexadecimal digits: {excerpt(text)}")
    return unquote(text, errors="surrogateescape")


def _encode(text: str, safe: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe)


def print_user(user: str) -> str:
    """A decoded user part as it stands on the wire: escaped where it must be (RFC 3261 §25.1)."""
    return user if user.isascii() and user.isalnum() else _encode(user, _USER_SAFE)


def _print_sip_uri(uri: SipUri) -> str:
    parts = [uri.scheme, ":"]
    if uri.user is not None:
        parts.append(_encode(uri.user, _USER_SAFE))
        if uri.password is not None:
            parts.append(":" + _encode(uri.password, _PASSWORD_SAFE))
        parts.append("@")
    parts.append(format_host(uri.host))
    if uri.port is not None:
        parts.append(f":{uri.port}")
    for name, value in uri.params:
        parts.append(";" + _encode(name, _PARAM_SAFE))
        if value is not None:
            parts.append("=" + _encode(value, _PARAM_SAFE))
    lead = "?"
    for name, value in uri.headers:
        parts.append(f"{lead}{_encode(name, _HEADER_SAFE)}={_encode(value, _HEADER_SAFE)}")
        lead = "&"
    return "".join(parts)


def same_uri(a: AnyUri, b: AnyUri) -> bool:
    """Whether two URIs are equivalent (RFC 3261 §19.1.4; opaque URIs: scheme and the rest as text)."""
    if isinstance(a, OpaqueUri) or isinstance(b, OpaqueUri):
        return a == b
    if (a.scheme, a.user, a.password, a.host, a.port) != (b.scheme, b.user, b.password, b.host, b.port):
        return False
    if not _same_params(_folded(a.params), _folded(b.params)):
        return False
    return sorted((name.lower(), value) for name, value in a.headers) == sorted(
        (name.lower(), value) for name, value in b.headers
    )


def _folded(params: Params) -> dict[str, str]:
    return {name: (value or "").lower() for name, value in reversed(params)}


def _same_params(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    for name in a.keys() | b.keys():
        if name in a and name in b:
            if a[name] != b[name]:
                return False
        elif name in _SIGNIFICANT_PARAMS:
            return False
    return True

"""Grammar shared by the header fields: tokens, quoted strings, parameters, lists (RFC 3261 §25.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeVar

from sip.errors import LocalError, MalformedHeader

Params = tuple[tuple[str, str | None], ...]
"""Parameters in wire order: (lower-case name, wire value or None); a quoted value keeps its quotes."""

ALPHANUM: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TOKEN_CHARS: Final = ALPHANUM + "-.!%*_+`'~"
HOST_CHARS: Final = ALPHANUM + "-._"  # "_" is no host character, but container names have it.
BLANK: Final = " \t"
MAX_PARAMS: Final = 64
MAX_EXCERPT_CHARS: Final = 60
MAX_REMEMBERED_CHARS: Final = 256

T = TypeVar("T")


def remember(maxsize: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Decorate a pure parser: its last `maxsize` results for short texts are kept.

    Long texts are parsed each time, so that no flood of them can fill the memory.
    """

    def decorate(parse: Callable[[str], T]) -> Callable[[str], T]:
        cached = lru_cache(maxsize)(parse)

        @wraps(parse)
        def parse_or_recall(text: str) -> T:
            return cached(text) if len(text) <= MAX_REMEMBERED_CHARS else parse(text)

        return parse_or_recall

    return decorate


def excerpt(text: str) -> str:
    """The start of `text`, printable, for error messages."""
    return ascii(text if len(text) <= MAX_EXCERPT_CHARS else text[:MAX_EXCERPT_CHARS] + "...")


def is_token(text: str) -> bool:
    """Whether `text` is a non-empty token."""
    return bool(text) and not text.strip(TOKEN_CHARS)


def parse_digits(text: str, maximum: int) -> int:
    """Decimal digits up to `maximum`; raises MalformedHeader."""
    if not (text.isascii() and text.isdigit()):
        raise MalformedHeader(f"expected decimal digits, got {excerpt(text)}")
    if len(text) > 20 and len(text.lstrip("0")) > 20:
        raise MalformedHeader(f"number is over {maximum}: {excerpt(text)}")
    number = int(text[-21:])
    if number > maximum:
        raise MalformedHeader(f"number is over {maximum}: {excerpt(text)}")
    return number


def end_of_quoted(text: str, start: int) -> int:
    """Index after the quoted string that opens at `start`; raises MalformedHeader when it never closes."""
    position = start + 1
    while True:
        quote_at = text.find('"', position)
        if quote_at < 0:
            raise MalformedHeader(f"quoted string is not closed: {excerpt(text[start:])}")
        backslash_at = text.find("\\", position, quote_at)
        if backslash_at < 0:
            return quote_at + 1
        position = backslash_at + 2


def unquote(text: str) -> str:
    """Decode a quoted string with its escapes; any other text comes back unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    decoded: list[str] = []
    position = 0
    while (at := inner.find("\\", position)) >= 0:
        decoded.append(inner[position:at])
        decoded.append(inner[at + 1 : at + 2])
        position = at + 2
    decoded.append(inner[position:])
    return "".join(decoded)


def quote(text: str) -> str:
    """`text` as a quoted string; raises LocalError on CR or LF, which cannot even be escaped."""
    if "\r" in text or "\n" in text:
        raise LocalError(f"a quoted string cannot hold a line end: {excerpt(text)}")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\0", "\\\0") + '"'


def split_outside(text: str, separator: str) -> list[str]:
    """Split at `separator` outside quotes and angle brackets; the parts are stripped of blanks."""
    if separator not in text:
        return [text.strip(BLANK)]
    if '"' not in text and "<" not in text:
        return [part.strip(BLANK) for part in text.split(separator)]
    parts: list[str] = []
    start = position = 0
    end = len(text)
    while position < end:
        char = text[position]
        if char == '"':
            position = end_of_quoted(text, position)
        elif char == "<":
            close_at = text.find(">", position)
            if close_at < 0:
                raise MalformedHeader(f"'<' is not closed: {excerpt(text[position:])}")
            position = close_at + 1
        else:
            if char == separator:
                parts.append(text[start:position].strip(BLANK))
                start = position + 1
            position += 1
    parts.append(text[start:].strip(BLANK))
    return parts


def parse_list(value: str) -> list[str]:
    """Elements of a comma separated header value (RFC 3261 §7.3.1); empty elements stay, as ''."""
    return split_outside(value, ",")


def parse_tokens(values: list[str]) -> tuple[str, ...]:
    """Tokens of all header rows, blanks and empty elements left out; raises MalformedHeader."""
    tokens: list[str] = []
    for value in values:
        for part in value.split(","):
            token = part.strip(BLANK)
            if token:
                if token.strip(TOKEN_CHARS):
                    raise MalformedHeader(f"not a token: {excerpt(token)}")
                tokens.append(token)
    return tuple(tokens)


def parse_params(text: str) -> Params:
    """Parameters from the text after the first ';' (RFC 3261 §25.1 generic-param).

    Names come out lower-case, values as on the wire. Empty parameters (`;;`) raise MalformedHeader, as
    RFC 4475 §3.1.2.1 asks; so do more than MAX_PARAMS. Where a name comes twice, readers take the first.
    """
    if '"' in text or " " in text or "\t" in text:
        return _parse_params_slowly(text)
    params: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not name or name.strip(TOKEN_CHARS):
            raise MalformedHeader(f"parameter name expected, got {excerpt(part)}")
        if not equals:
            params.append((name.lower(), None))
        elif value and "<" not in value:
            params.append((name.lower(), value))
        else:
            raise MalformedHeader(f"parameter has no proper value: {excerpt(part)}")
    if len(params) > MAX_PARAMS:
        raise MalformedHeader(f"over {MAX_PARAMS} parameters")
    return tuple(params)


def _parse_params_slowly(text: str) -> Params:
    """The same for text with quotes or blanks (RFC 3261 §25.1 EQUAL and SEMI allow blanks around)."""
    params: list[tuple[str, str | None]] = []
    for part in _split_params(text):
        name, equals, value = part.partition("=")
        name, value = name.rstrip(BLANK), value.lstrip(BLANK)
        if not is_token(name):
            raise MalformedHeader(f"parameter name expected, got {excerpt(part)}")
        if not equals:
            params.append((name.lower(), None))
            continue
        quoted = value[:1] == '"'
        if not value or (end_of_quoted(value, 0) != len(value) if quoted else _is_broken(value)):
            raise MalformedHeader(f"parameter has no proper value: {excerpt(part)}")
        params.append((name.lower(), value))
    if len(params) > MAX_PARAMS:
        raise MalformedHeader(f"over {MAX_PARAMS} parameters")
    return tuple(params)


def _split_params(text: str) -> list[str]:
    """Split at ';' outside quotes."""
    parts: list[str] = []
    start = position = 0
    while True:
        semicolon_at = text.find(";", position)
        quote_at = text.find('"', position)
        if quote_at >= 0 and (semicolon_at < 0 or quote_at < semicolon_at):
            position = end_of_quoted(text, quote_at)
            continue
        if semicolon_at < 0:
            parts.append(text[start:].strip(BLANK))
            return parts
        parts.append(text[start:semicolon_at].strip(BLANK))
        start = position = semicolon_at + 1


def _is_broken(value: str) -> bool:
    """Whether an unquoted parameter value holds what it cannot hold."""
    return " " in value or "\t" in value or '"' in value or "<" in value


def find_param(params: Params, name: str) -> str | None:
    """Decoded value of the first parameter `name`; '' when it stands without a value, None when absent."""
    for key, value in params:
        if key == name:
            if value is None:
                return ""
            return unquote(value) if value[:1] == '"' else value
    return None


def set_param(params: Params, name: str, value: str | None) -> Params:
    """`params` with `name` replaced in place, or added at the end; `value` in wire form."""
    if any(key == name for key, _ in params):
        return tuple((key, value if key == name else old) for key, old in params)
    return (*params, (name, value))


def format_params(params: Params) -> str:
    """`;name=value` for each parameter; '' for none."""
    if not params:
        return ""
    return ";" + ";".join([name if value is None else f"{name}={value}" for name, value in params])


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Host (lower case, an IPv6 address without its brackets) and port; raises MalformedHeader."""
    if text[:1] == "[":
        address, bracket, rest = text[1:].partition("]")
        if ":::" in address and "." in address:
            address = address.replace(":::", "::", 1)  # RFC 5118 §4.10: the old grammar had one too many.
        if not bracket or not _is_ipv6(address):
            raise MalformedHeader(f"not an IPv6 reference: {excerpt(text)}")
        if rest and rest[0] != ":":
            raise MalformedHeader(f"port expected after the IPv6 reference: {excerpt(text)}")
        return address.lower(), _parse_port(rest[1:]) if rest else None
    host, colon, port = text.partition(":")
    if not host or host.strip(HOST_CHARS):
        raise MalformedHeader(f"not a host name or address: {excerpt(text)}")
    return host.lower(), _parse_port(port) if colon else None


def format_host(host: str) -> str:
    """`host` as it stands in a URI or Via: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def _parse_port(text: str) -> int:
    number = parse_digits(text, 65535)
    if number == 0:
        raise MalformedHeader("port 0 cannot be reached")
    return number


def _is_ipv6(text: str) -> bool:
    """Whether `text` is an IPv6 address without zone (RFC 5954 §4.1)."""
    head, double, tail = text.partition("::")
    groups = head.split(":") if head else []
    if double:
        groups += tail.split(":") if tail else []
    size = len(groups)
    if groups and "." in groups[-1]:
        octets = groups.pop().split(".")
        size += 1
        if len(octets) != 4 or not all(_is_octet(octet) for octet in octets):
            return False
    if any(not 1 <= len(group) <= 4 or group.strip("0123456789abcdefABCDEF") for group in groups):
        return False
    return size <= 7 if double else size == 8


def _is_octet(text: str) -> bool:
    return 1 <= len(text) <= 3 and text.isascii() and text.isdigit() and int(text) < 256

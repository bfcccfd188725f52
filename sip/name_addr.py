"""Addresses with display name and parameters, as in From, To, Contact, Route (RFC 3261 §20.10, §25.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sip.errors import MalformedHeader
from sip.grammar import (
    BLANK,
    Params,
    end_of_quoted,
    excerpt,
    find_param,
    format_params,
    parse_list,
    parse_params,
    quote,
    remember,
    set_param,
    unquote,
)
from sip.uri import AnyUri, parse_uri

DEFAULT_EXPIRES_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAddr:
    """`"Display" <uri>;params`; `display` is decoded ('' for none), `params` are in wire form."""

    display: str = ""
    uri: AnyUri
    params: Params = ()

    def param(self, name: str) -> str | None:
        """Decoded value of a parameter; '' when it stands without a value, None when absent."""
        return find_param(self.params, name) if self.params else None

    @property
    def tag(self) -> str | None:
        """The tag parameter; None when absent or empty."""
        for name, value in self.params:
            if name == "tag":
                return value
        return None

    @property
    def expires_s(self) -> int | None:
        """The expires parameter of a Contact in seconds; malformed counts as 3600 (RFC 3261 §20.10)."""
        value = self.param("expires")
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 10):
            return DEFAULT_EXPIRES_S
        return min(int(value), 2**32 - 1)

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """A copy with one parameter set; `value` in wire form (see `sip.grammar.quote`)."""
        return NameAddr(display=self.display, uri=self.uri, params=set_param(self.params, name, value))

    def __str__(self) -> str:
        lead = quote(self.display) + " " if self.display else ""
        return f"{lead}<{self.uri}>{format_params(self.params)}"


@remember(2048)  # One dialog repeats its From, To and Contact in every message.
def parse_name_addr(text: str) -> NameAddr:
    """Parse one name-addr or addr-spec with its header parameters; raises MalformedHeader.

    Unquoted display names with other characters than tokens pass, since phones send people's names so
    (RFC 4475 §3.1.2.15 allows inferring the quotes). Without brackets, everything from the first ';' on
    belongs to the header, and '?' or ',' are refused (RFC 3261 §20.10).
    """
    text = text.strip(BLANK)
    name_end = end_of_quoted(text, 0) if text[:1] == '"' else 0
    head_end = text.find(">", name_end) + 1
    head = text[:head_end]
    if not head_end or (not name_end and '"' in head):
        return _parse_bare(text)
    display, uri = _parse_address(head)
    rest = text[head_end:]
    if not rest:
        return NameAddr(display=display, uri=uri)
    if rest[0] != ";":
        rest = rest.strip(BLANK)
        if not rest:
            return NameAddr(display=display, uri=uri)
        if rest[0] != ";":
            raise MalformedHeader(f"';' expected after '>': {excerpt(text)}")
    return NameAddr(display=display, uri=uri, params=parse_params(rest[1:]))


@remember(2048)
def _parse_address(head: str) -> tuple[str, AnyUri]:
    """Decoded display name and URI of `display <uri>`, the text up to and with the '>'."""
    head = head.strip(BLANK)
    if head[0] == '"':
        name_end = end_of_quoted(head, 0)
        display = unquote(head[:name_end])
        open_at = head.find("<", name_end)
        between = head[name_end:open_at] if open_at >= 0 else "missing"
    else:
        open_at = head.find("<")
        display = head[:open_at].rstrip(BLANK)
        between = "" if open_at >= 0 else "missing"
    if between.strip(BLANK):
        raise MalformedHeader(f"'<' expected after the display name: {excerpt(head)}")
    return display, parse_uri(head[open_at + 1 : -1])


def _parse_bare(text: str) -> NameAddr:
    """An addr-spec without angle brackets."""
    uri_text, semicolon, rest = text.partition(";")
    uri_text = uri_text.strip(BLANK)
    if "?" in uri_text or "," in uri_text:
        raise MalformedHeader(f"a URI with '?' or ',' needs angle brackets: {excerpt(text)}")
    return NameAddr(uri=parse_uri(uri_text), params=parse_params(rest) if semicolon else ())


def parse_name_addrs(values: list[str]) -> tuple[NameAddr, ...]:
    """All addresses of all header rows in order (Route, Record-Route, Path, P-Asserted-Identity)."""
    if len(values) == 1 and "," not in values[0]:
        return (parse_name_addr(values[0]),)
    return tuple([parse_name_addr(part) for value in values for part in parse_list(value)])


def parse_contacts(values: list[str]) -> tuple[NameAddr, ...]:
    """Contact rows; `*` alone gives () and in company raises MalformedHeader (RFC 3261 §10.3)."""
    if values == ["*"]:
        return ()
    return parse_name_addrs(values)

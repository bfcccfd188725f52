"""The Via header field (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sip.errors import MalformedHeader
from sip.grammar import (
    BLANK,
    Params,
    excerpt,
    find_param,
    format_host,
    format_params,
    is_token,
    parse_host_port,
    parse_list,
    parse_params,
    remember,
    set_param,
)

MAGIC_COOKIE: Final = "z9hG4bK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """One hop: `transport` in upper case, `host` and `port` where the answer goes, `params` in wire form."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    def param(self, name: str) -> str | None:
        """Decoded value of a parameter; '' when it stands without a value, None when absent."""
        return find_param(self.params, name)

    @property
    def branch(self) -> str | None:
        """The branch parameter; begins with MAGIC_COOKIE when its maker follows RFC 3261."""
        for name, value in self.params:
            if name == "branch":
                return value
        return None

    @property
    def received(self) -> str | None:
        """The received address without brackets."""
        value = find_param(self.params, "received")
        return value.strip("[]") if value else None

    @property
    def wants_rport(self) -> bool:
        """Whether the sender asks for the answer at its source port (RFC 3581 §3)."""
        return find_param(self.params, "rport") is not None

    @property
    def rport(self) -> int | None:
        """The rport value, when it holds a port."""
        value = find_param(self.params, "rport")
        if value and value.isascii() and value.isdigit() and len(value) <= 5 and 0 < int(value) < 65536:
            return int(value)
        return None

    def with_param(self, name: str, value: str | None) -> Via:
        """A copy with one parameter set; `value` in wire form."""
        params = set_param(self.params, name, value)
        return Via(transport=self.transport, host=self.host, port=self.port, params=params)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {format_host(self.host)}{port}{format_params(self.params)}"


@remember(512)  # All responses of a transaction bring the same Via.
def parse_via(text: str) -> Via:
    """Parse one Via element; raises MalformedHeader (another protocol than SIP/2.0 included)."""
    sent, semicolon, param_text = text.partition(";")
    transport, host, port = _parse_sent(sent)
    params = parse_params(param_text) if semicolon else ()
    return Via(transport=transport, host=host, port=port, params=params)


@remember(1024)
def _parse_sent(sent: str) -> tuple[str, str, int | None]:
    """Transport, host and port from the part before the parameters."""
    if sent[:8] == "SIP/2.0/":
        transport, _, sent_by = sent[8:].partition(" ")
    else:
        transport, sent_by = _split_spaced(sent)
    if not is_token(transport):
        transport, sent_by = _split_spaced(sent)
    if " " in sent_by or "\t" in sent_by:
        sent_by = _tighten(sent_by)
    if not sent_by:
        raise MalformedHeader(f"expected 'SIP/2.0/TRANSPORT host', got {excerpt(sent)}")
    host, port = parse_host_port(sent_by)
    return transport.upper(), host, port


def _split_spaced(sent: str) -> tuple[str, str]:
    """Transport and sent-by of a Via with blanks around its slashes or in odd case (RFC 4475 §3.1.1.1)."""
    pieces = sent.replace("\t", " ").split("/", 2)
    if len(pieces) != 3 or pieces[0].strip().upper() != "SIP" or pieces[1].strip() != "2.0":
        raise MalformedHeader(f"expected 'SIP/2.0/TRANSPORT host', got {excerpt(sent)}")
    transport, _, sent_by = pieces[2].strip().partition(" ")
    if not is_token(transport):
        raise MalformedHeader(f"transport is not a token: {excerpt(sent)}")
    return transport, sent_by


def _tighten(sent_by: str) -> str:
    """`host : port` without its blanks; raises MalformedHeader when blanks stand elsewhere."""
    host, colon, port = sent_by.strip(BLANK).rpartition(":")
    if not colon:
        host, port = port, ""
    host, port = host.rstrip(BLANK), port.lstrip(BLANK)
    if " " in host or "\t" in host:
        raise MalformedHeader(f"not a host and port: {excerpt(sent_by)}")
    return f"{host}{colon}{port}"


def parse_vias(values: list[str]) -> tuple[Via, ...]:
    """All Via elements of all rows, topmost first; raises MalformedHeader when there is none."""
    if len(values) == 1 and "," not in values[0]:
        return (parse_via(values[0]),)
    if not values:
        raise MalformedHeader("header field is missing")
    return tuple([parse_via(part) for value in values for part in parse_list(value)])

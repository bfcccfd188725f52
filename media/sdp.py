"""Reading of session descriptions (RFC 8866, RFC 4566), lenient where phones are careless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, cast

from media.session_description import (
    DIRECTIONS,
    STATIC_FORMATS,
    Address,
    Direction,
    Format,
    MediaLine,
    SdpError,
    SessionDescription,
)

__all__ = ["Address", "Direction", "Format", "MediaLine", "SdpError", "SessionDescription", "parse_sdp"]

MAX_BYTES: Final = 65_536
MAX_MEDIA: Final = 10
MAX_FORMATS: Final = 64
MAX_EXCERPT_CHARS: Final = 60
MAX_REMEMBERED_CHARS: Final = 256


@dataclass(slots=True, kw_only=True)
class _Section:
    """What is read for one level: the session itself (kind '') or one m-line."""

    kind: str = ""
    port: int = 0
    protocol: str = ""
    raw_formats: tuple[str, ...] = ()
    address: str | None = None
    direction: str | None = None
    ptime_ms: int | None = None
    maxptime_ms: int | None = None
    rtcp: str | None = None
    rtcp_mux: bool = False
    rtpmaps: dict[str, str] = field(default_factory=dict)
    fmtps: dict[str, str] = field(default_factory=dict)
    attributes: list[tuple[str, str | None]] = field(default_factory=list)


def parse_sdp(data: bytes | memoryview) -> SessionDescription:
    """Parse a session description; raises SdpError only.

    Lenient where phones are careless: bare LF line ends, missing o=, s= and t= lines, unknown line types,
    fractional ptime and formats without rtpmap are taken or left out. Over MAX_BYTES, MAX_MEDIA lines or
    MAX_FORMATS per line it is refused.
    """
    if len(data) > MAX_BYTES:
        raise SdpError(f"over {MAX_BYTES} bytes")
    text = str(data, "utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise SdpError("CR or NUL within a line")
    lines = text.split("\n")
    if lines[0].rstrip() != "v=0":
        raise SdpError("does not begin with v=0", _excerpt(lines[0]))
    origin, name = ("-", "0", "0", "0.0.0.0"), "-"
    session = section = _Section()
    sections: list[_Section] = []
    for line in lines[1:]:
        kind, value = line[:2], line[2:].strip()
        if kind == "a=":
            _read_attribute(section, value)
        elif kind == "m=":
            section = _read_media_line(value)
            sections.append(section)
            if len(sections) > MAX_MEDIA:
                raise SdpError(f"over {MAX_MEDIA} m-lines")
        elif kind == "c=":
            section.address = _read_connection(value[:MAX_REMEMBERED_CHARS])
        elif kind == "o=":
            origin = _read_origin(value)
        elif kind == "s=":
            name = value or "-"
        elif line.strip() and (len(kind) != 2 or kind[1] != "=" or not kind[0].isalpha()):
            raise SdpError("not a line of the form x=...", _excerpt(line))
    return SessionDescription(
        username=origin[0],
        session_id=origin[1],
        version=origin[2],
        origin_address=origin[3],
        name=name,
        address=session.address,
        media=tuple([_finish(section, session) for section in sections]),
        attributes=tuple(session.attributes),
    )


def _excerpt(text: str) -> str:
    return ascii(text if len(text) <= MAX_EXCERPT_CHARS else text[:MAX_EXCERPT_CHARS] + "...")


def _number(text: str, maximum: int, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > maximum:
        raise SdpError(f"number up to {maximum} expected", _excerpt(where))
    return int(text)


@lru_cache(maxsize=1024)
def _read_connection(value: str) -> str:
    """Address of `IN IP4 192.0.2.1/127`; only numeric addresses, nothing is looked up in DNS."""
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN" or parts[1].upper() not in ("IP4", "IP6"):
        raise SdpError("expected c=IN IP4 address", _excerpt(value))
    address = parts[2].partition("/")[0]
    try:
        parsed = ip_address(address)
    except ValueError as error:
        raise SdpError("not a numeric address", _excerpt(value)) from error
    if parsed.is_multicast or address == "255.255.255.255":
        raise SdpError("media goes to single hosts only", _excerpt(value))
    if "%" in address:
        raise SdpError("an address with a zone means nothing to others", _excerpt(value))
    return address


def _read_origin(value: str) -> tuple[str, str, str, str]:
    parts = value.split()
    if len(parts) != 6:
        raise SdpError("expected o=user id version IN IP4 address", _excerpt(value))
    return parts[0], parts[1], parts[2], parts[5]


def _read_media_line(value: str) -> _Section:
    parts = value.split()
    if len(parts) < 4:
        raise SdpError("expected m=kind port protocol formats", _excerpt(value))
    if len(parts) - 3 > MAX_FORMATS:
        raise SdpError(f"over {MAX_FORMATS} formats", _excerpt(value))
    port = _number(parts[1].partition("/")[0], 65535, value)
    return _Section(kind=parts[0].lower(), port=port, protocol=parts[2].upper(), raw_formats=tuple(parts[3:]))


def _read_attribute(section: _Section, value: str) -> None:
    name, colon, content = value.partition(":")
    reader = _ATTRIBUTES.get(name)
    if reader is not None:
        reader(section, content.strip())
    elif name in DIRECTIONS:
        section.direction = name
    elif name:
        section.attributes.append((name, content.strip() if colon else None))


def _read_rtpmap(section: _Section, content: str) -> None:
    payload_type, _, encoding = content.partition(" ")
    section.rtpmaps[payload_type] = encoding.strip()


def _read_fmtp(section: _Section, content: str) -> None:
    payload_type, _, parameters = content.partition(" ")
    section.fmtps[payload_type] = parameters.strip()


def _read_ptime(section: _Section, content: str) -> None:
    section.ptime_ms = _read_ms(content)


def _read_maxptime(section: _Section, content: str) -> None:
    section.maxptime_ms = _read_ms(content)


def _read_rtcp_mux(section: _Section, content: str) -> None:
    section.rtcp_mux = True


def _read_rtcp_line(section: _Section, content: str) -> None:
    section.rtcp = content


_ATTRIBUTES: Final[dict[str, Callable[[_Section, str], None]]] = {
    "rtpmap": _read_rtpmap,
    "fmtp": _read_fmtp,
    "ptime": _read_ptime,
    "maxptime": _read_maxptime,
    "rtcp": _read_rtcp_line,
    "rtcp-mux": _read_rtcp_mux,
}
"""Attributes that have a field of their own in MediaLine."""


def _read_ms(content: str) -> int | None:
    """Whole milliseconds of `20` or `20.0` (RFC 8866 §6.4 knows integers only); None for anything else."""
    whole = content.partition(".")[0]
    if whole.isascii() and whole.isdigit() and len(whole) <= 4 and int(whole):
        return int(whole)
    return None


def _finish(section: _Section, session: _Section) -> MediaLine:
    """Fill in what the session level says and resolve the formats."""
    address = section.address or session.address
    if address is None and section.port:
        raise SdpError("no c= line for a media line", f"m={section.kind}")
    is_rtp = section.protocol.startswith("RTP/") or "/RTP/" in section.protocol
    return MediaLine(
        kind=section.kind,
        port=section.port,
        protocol=section.protocol,
        formats=_read_formats(section) if is_rtp else (),
        raw_formats=section.raw_formats,
        address=address,
        direction=cast(Direction, section.direction or session.direction or "sendrecv"),
        ptime_ms=section.ptime_ms or session.ptime_ms,
        maxptime_ms=section.maxptime_ms or session.maxptime_ms,
        rtcp=_read_rtcp(section.rtcp, address) if section.rtcp and address else None,
        rtcp_mux=section.rtcp_mux,
        attributes=tuple(section.attributes),
    )


def _read_rtcp(value: str, address: str) -> Address:
    """`port [IN IP4 address]` (RFC 3605 §2.1)."""
    port, _, connection = value.partition(" ")
    host = _read_connection(connection[:MAX_REMEMBERED_CHARS]) if connection else address
    return host, _number(port, 65535, value)


def _read_formats(section: _Section) -> tuple[Format, ...]:
    """RTP formats in order; left out are entries that are no payload type or have no meaning, and those with
    a broken rtpmap (RFC 4475 itself sends `a=rtpmap:31 LPC`)."""
    formats: list[Format] = []
    for payload_type in dict.fromkeys(section.raw_formats):
        encoding = section.rtpmaps.get(payload_type)
        fmtp = section.fmtps.get(payload_type)
        if len(encoding or "") + len(fmtp or "") <= MAX_REMEMBERED_CHARS:
            found = _make_format(payload_type, encoding, fmtp)
        else:  # Long texts are not kept, lest a flood of them fill the memory.
            found = _make_format.__wrapped__(payload_type, encoding, fmtp)
        if found is not None:
            formats.append(found)
    return tuple(formats)


@lru_cache(maxsize=1024)
def _make_format(payload_type: str, encoding: str | None, fmtp: str | None) -> Format | None:
    if not (payload_type.isascii() and payload_type.isdigit() and len(payload_type) <= 3):
        return None
    number = int(payload_type)
    if number > 127:
        return None
    if encoding is None:
        known = STATIC_FORMATS.get(number)
        if known is None or fmtp is None:
            return known
        return Format(
            payload_type=number,
            name=known.name,
            clock_rate=known.clock_rate,
            channels=known.channels,
            fmtp=fmtp,
        )
    name, _, rest = encoding.partition("/")
    rate, slash, channels = rest.partition("/")
    name, clock_rate = name.strip(), _rate(rate)
    count = _rate(channels) if slash else 1
    if not name or " " in name or not clock_rate or not count:
        return None
    return Format(payload_type=number, name=name, clock_rate=clock_rate, channels=count, fmtp=fmtp)


def _rate(text: str) -> int:
    """A positive number of at most ten digits; 0 for anything else."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0

"""A session description as data, and how it is printed (RFC 8866, RFC 3264 §8.4, RFC 3605, RFC 5761)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Address = tuple[str, int]

DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
UNSPECIFIED: Final = frozenset({"0.0.0.0", "::", "0:0:0:0:0:0:0:0"})
"""Connection addresses that ask for silence, the way to hold a call before RFC 3264 (its §8.4)."""


class SdpError(Exception):
    """A session description cannot be read, used or written; `where` is the line or part at fault."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(reason, where)
        self.reason = reason
        self.where = where

    def __str__(self) -> str:
        return f"{self.reason}: {self.where}" if self.where else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One RTP payload format. `clock_rate` in Hz as in rtpmap (8000 for G722, RFC 3551 §4.5.2)."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str | None = None

    @property
    def encoding(self) -> str:
        """`name/clock rate[/channels]` as in rtpmap."""
        return f"{self.name}/{self.clock_rate}" + (f"/{self.channels}" if self.channels != 1 else "")


def _static(*rows: tuple[int, str, int, int]) -> dict[int, Format]:
    return {
        number: Format(payload_type=number, name=name, clock_rate=rate, channels=channels)
        for number, name, rate, channels in rows
    }


STATIC_FORMATS: Final = _static(
    (0, "PCMU", 8000, 1),
    (3, "GSM", 8000, 1),
    (4, "G723", 8000, 1),
    (5, "DVI4", 8000, 1),
    (6, "DVI4", 16000, 1),
    (7, "LPC", 8000, 1),
    (8, "PCMA", 8000, 1),
    (9, "G722", 8000, 1),
    (10, "L16", 44100, 2),
    (11, "L16", 44100, 1),
    (12, "QCELP", 8000, 1),
    (13, "CN", 8000, 1),
    (14, "MPA", 90000, 1),
    (15, "G728", 8000, 1),
    (16, "DVI4", 11025, 1),
    (17, "DVI4", 22050, 1),
    (18, "G729", 8000, 1),
    (25, "CelB", 90000, 1),
    (26, "JPEG", 90000, 1),
    (28, "nv", 90000, 1),
    (31, "H261", 90000, 1),
    (32, "MPV", 90000, 1),
    (33, "MP2T", 90000, 1),
    (34, "H263", 90000, 1),
)
"""Payload types that need no rtpmap (RFC 3551 §6, tables 4 and 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLine:
    """One m-line with what belongs to it; session-level address, direction and ptime are filled in.

    `formats` are the RTP formats that are understood, `raw_formats` all entries of the line as sent.
    `attributes` are those that have no field of their own, in order.
    """

    kind: str
    port: int
    protocol: str = "RTP/AVP"
    formats: tuple[Format, ...] = ()
    raw_formats: tuple[str, ...] = ()
    address: str | None = None
    direction: Direction = "sendrecv"
    ptime_ms: int | None = None
    maxptime_ms: int | None = None
    rtcp: Address | None = None
    rtcp_mux: bool = False
    attributes: tuple[tuple[str, str | None], ...] = ()

    @property
    def effective_direction(self) -> Direction:
        """The direction as its sender means it: an unspecified address takes receiving away."""
        if self.address in UNSPECIFIED:
            return "sendonly" if self.direction in ("sendrecv", "sendonly") else "inactive"
        return self.direction

    @property
    def on_hold(self) -> bool:
        """Whether its sender does not want to receive."""
        return self.effective_direction in ("sendonly", "inactive")

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute `name` without a field of its own; '' for a bare one."""
        for key, value in self.attributes:
            if key == name:
                return value or ""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription:
    """A whole description. `session_id` and `version` stay text: some senders exceed any integer."""

    username: str = "-"
    session_id: str = "0"
    version: str = "0"
    origin_address: str = "0.0.0.0"
    name: str = "-"
    address: str | None = None
    media: tuple[MediaLine, ...] = ()
    attributes: tuple[tuple[str, str | None], ...] = ()

    @property
    def audio(self) -> MediaLine | None:
        """The first audio line that is switched on."""
        for line in self.media:
            if line.kind == "audio" and line.port:
                return line
        return None

    def encode(self) -> bytes:
        """The description as bytes with CRLF line ends; raises SdpError when a value holds CR, LF or NUL."""
        origin = f"{self.username} {self.session_id} {self.version} {_connection(self.origin_address)}"
        lines = ["v=0", "o=" + origin, "s=" + (self.name or "-")]
        if self.address is not None:
            lines.append("c=" + _connection(self.address))
        lines.append("t=0 0")
        for name, value in self.attributes:
            lines.append(f"a={name}" if value is None else f"a={name}:{value}")
        for media in self.media:
            _print_media(media, self.address, lines)
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
            raise SdpError("a value holds CR, LF or NUL")
        return text.encode("utf-8", "surrogateescape") + b"\r\n"


def _connection(address: str) -> str:
    return f"IN IP6 {address}" if ":" in address else f"IN IP4 {address}"


def _print_media(media: MediaLine, session_address: str | None, lines: list[str]) -> None:
    names = media.raw_formats or tuple([str(item.payload_type) for item in media.formats])
    lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(names)}")
    if media.address is not None and media.address != session_address:
        lines.append("c=" + _connection(media.address))
    for item in media.formats:
        lines.append(f"a=rtpmap:{item.payload_type} {item.encoding}")
        if item.fmtp is not None:
            lines.append(f"a=fmtp:{item.payload_type} {item.fmtp}")
    if media.ptime_ms is not None:
        lines.append(f"a=ptime:{media.ptime_ms}")
    if media.maxptime_ms is not None:
        lines.append(f"a=maxptime:{media.maxptime_ms}")
    if media.rtcp is not None:
        host, port = media.rtcp
        lines.append(f"a=rtcp:{port}" + ("" if host == media.address else " " + _connection(host)))
    if media.rtcp_mux:
        lines.append("a=rtcp-mux")
    if media.port or media.direction != "sendrecv":
        lines.append(f"a={media.direction}")
    for name, value in media.attributes:
        lines.append(f"a={name}" if value is None else f"a={name}:{value}")

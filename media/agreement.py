"""What offer and answer settle, seen from our end, and how two such ends are joined (RFC 3264)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.codec import COMPANIONS, bitstream_key
from media.session_description import UNSPECIFIED, Address, Direction, Format, MediaLine

_BITS: Final[dict[Direction, tuple[bool, bool]]] = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
_DIRECTION_OF: Final = {bits: direction for direction, bits in _BITS.items()}


class CodecMismatch(Exception):
    """Nothing in common that could carry speech (SIP 488); the text says what was wanted and offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedFormat:
    """A format that both ends have. `send_pt` goes into packets to the far end, `receive_pt` is in those
    from it; `fmtp` is what the far end wrote."""

    name: str
    clock_rate: int
    channels: int
    send_pt: int
    receive_pt: int
    fmtp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What an exchange settled, seen from our end.

    `formats`: audio codecs in order of preference, the first one is in use; `events`: telephone-event and CN.
    `remote_rtp` is None while the far end wants nothing sent (hold by address). `direction`: what we may do.
    `ptime_ms`: the packet time to send.
    """

    formats: tuple[AgreedFormat, ...]
    events: tuple[AgreedFormat, ...]
    remote_rtp: Address | None
    remote_rtcp: Address | None
    rtcp_mux: bool
    direction: Direction
    ptime_ms: int

    @property
    def may_send(self) -> bool:
        """Whether media may go to the far end."""
        return _BITS[self.direction][0]

    @property
    def may_receive(self) -> bool:
        """Whether media may come from the far end."""
        return _BITS[self.direction][1]


def relay_map(frm: Agreement, to: Agreement) -> tuple[tuple[int, int], ...]:
    """(payload type arriving on `frm`'s port, payload type for `to`'s far end) for all that both agreed.

    Formats are the same when their packets are: name, clock rate, channels, and those fmtp parameters that
    change the bitstream (`media.codec.BITSTREAM_FMTP`).
    """
    targets: dict[tuple[object, ...], int] = {}
    for item in (*to.formats, *to.events):
        targets.setdefault(_bitstream(item), item.send_pt)
    pairs: dict[int, int] = {}
    for item in (*frm.formats, *frm.events):
        target = targets.get(_bitstream(item))
        if target is not None:
            pairs.setdefault(item.receive_pt, target)
    return tuple(pairs.items())


def _bitstream(item: AgreedFormat) -> tuple[object, ...]:
    return bitstream_key(item.name, item.clock_rate, item.channels, item.fmtp)


def agree(theirs: Format, send_pt: int, receive_pt: int) -> AgreedFormat:
    """The agreed form of what the far end wrote."""
    return AgreedFormat(
        name=theirs.name,
        clock_rate=theirs.clock_rate,
        channels=theirs.channels,
        send_pt=send_pt,
        receive_pt=receive_pt,
        fmtp=theirs.fmtp,
    )


def settle(
    agreed: Iterable[AgreedFormat], line: MediaLine, direction: Direction, mux: bool, ptime_ms: int
) -> Agreement:
    """The agreement over formats and the far end's line."""
    rtp, rtcp = _remote(line, mux)
    return Agreement(
        formats=tuple([item for item in agreed if item.name.lower() not in COMPANIONS]),
        events=tuple([item for item in agreed if item.name.lower() in COMPANIONS]),
        remote_rtp=rtp,
        remote_rtcp=rtcp,
        rtcp_mux=mux,
        direction=direction,
        ptime_ms=ptime_ms,
    )


def _remote(line: MediaLine, mux: bool) -> tuple[Address | None, Address | None]:
    """Where RTP and RTCP go (RFC 3550 §11, RFC 3605, RFC 5761 §5.1.1)."""
    if line.address is None or line.address in UNSPECIFIED:
        return None, None
    rtp = (line.address, line.port)
    if mux:
        return rtp, rtp
    if line.rtcp is not None:
        return rtp, line.rtcp if line.rtcp[1] and line.rtcp[0] not in UNSPECIFIED else None
    return rtp, (line.address, line.port + 1) if line.port < 65535 else None


def our_direction(wanted: Direction, theirs: Direction) -> Direction:
    """What we may do, given what we want and what the far end does (RFC 3264 §6.1)."""
    may_send, may_receive = _BITS[wanted]
    they_send, they_receive = _BITS[theirs]
    return _DIRECTION_OF[may_send and they_receive, may_receive and they_send]

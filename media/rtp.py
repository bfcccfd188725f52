"""RTP packets: parse and build (RFC 3550 §5.1, A.1)."""

import struct
from dataclasses import dataclass

_HEADER = struct.Struct(">BBHII")
HEADER_BYTES = 12


class MalformedRtp(ValueError):
    """A datagram that is no RTP packet; the message says which field does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    """One RTP packet; contributing sources, header extension and padding are checked and left out."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def parse_rtp(data: bytes) -> RtpPacket:
    """Read a datagram. Raises MalformedRtp."""
    size = len(data)
    if size < HEADER_BYTES:
        raise MalformedRtp(f"{size} bytes, an RTP header has {HEADER_BYTES}")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise MalformedRtp(f"version {first >> 6}, expected 2")
    offset = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if offset + 4 > size:
            raise MalformedRtp("header extension lies outside the datagram")
        offset += 4 + 4 * int.from_bytes(data[offset + 2 : offset + 4], "big")
    if offset > size:
        raise MalformedRtp(f"header of {offset} bytes in a datagram of {size}")
    padding = data[-1] if first & 0x20 else 0
    if first & 0x20 and not 1 <= padding <= size - offset:
        raise MalformedRtp(f"padding of {padding} bytes in a payload of {size - offset}")
    return RtpPacket(
        payload_type=second & 0x7F,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=data[offset : size - padding],
        marker=second >= 0x80,
    )


def build_rtp(packet: RtpPacket) -> bytes:
    """Give the datagram of a packet: twelve bytes of header, then the payload."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    head = _HEADER.pack(0x80, second, packet.sequence, packet.timestamp, packet.ssrc)
    return head + packet.payload

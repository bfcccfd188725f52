"""RTCP compounds: sender and receiver reports, SDES CNAME, BYE (RFC 3550 §6, A.2)."""

import struct
from dataclasses import dataclass

SENDER_REPORT = 200
RECEIVER_REPORT = 201
DESCRIPTION = 202
GOODBYE = 203
NTP_OFFSET_S = 2208988800

_BLOCK = struct.Struct(">IIIIII")
_SENDER = struct.Struct(">IIIIII")


class MalformedRtcp(ValueError):
    """A datagram that is no RTCP compound; the message says what does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """What a receiver says of one stream; `fraction_lost` in 1/256, `last_sr` and `delay` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderInfo:
    """What a sender says of itself; `ntp` is 64 bits, seconds since 1900 and their fraction."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compound:
    """One RTCP datagram: who reports, as sender or not, the blocks, CNAME, and whether it says goodbye."""

    ssrc: int
    sender: SenderInfo | None = None
    blocks: tuple[ReportBlock, ...] = ()
    cname: str | None = None
    goodbye: bool = False


def build_compound(compound: Compound) -> bytes:
    """Give the datagram: SR or RR, SDES with CNAME, and BYE where said."""
    body = struct.pack(">I", compound.ssrc)
    kind = RECEIVER_REPORT
    if compound.sender is not None:
        kind = SENDER_REPORT
        info = compound.sender
        body = _SENDER.pack(
            compound.ssrc,
            info.ntp >> 32 & 0xFFFFFFFF,
            info.ntp & 0xFFFFFFFF,
            info.timestamp & 0xFFFFFFFF,
            info.packets & 0xFFFFFFFF,
            info.octets & 0xFFFFFFFF,
        )
    body += b"".join(_build_block(block) for block in compound.blocks)
    data = _packet(kind, len(compound.blocks), body)
    if compound.cname is not None:
        name = compound.cname.encode()[:255]
        chunk = struct.pack(">IBB", compound.ssrc, 1, len(name)) + name + b"\0"
        data += _packet(DESCRIPTION, 1, chunk + b"\0" * (-len(chunk) % 4))
    if compound.goodbye:
        data += _packet(GOODBYE, 1, struct.pack(">I", compound.ssrc))
    return data


def parse_compound(data: bytes) -> Compound:
    """Read a datagram. Raises MalformedRtcp."""
    if len(data) < 8 or data[0] & 0xE0 != 0x80 or data[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        raise MalformedRtcp("a compound begins with an SR or RR of version 2 without padding")
    ssrc = int.from_bytes(data[4:8], "big")
    sender: SenderInfo | None = None
    blocks: list[ReportBlock] = []
    cname: str | None = None
    goodbye = False
    at = 0
    while at < len(data):
        if len(data) - at < 4 or data[at] & 0xC0 != 0x80:
            raise MalformedRtcp(f"no packet of version 2 at byte {at}")
        count, kind = data[at] & 0x1F, data[at + 1]
        end = at + 4 * (int.from_bytes(data[at + 2 : at + 4], "big") + 1)
        if end > len(data):
            raise MalformedRtcp(f"packet at byte {at} is longer than the datagram")
        if kind == SENDER_REPORT and end - at >= 28:
            sender = _parse_sender(data, at)
            blocks += _parse_blocks(data, at + 28, end, count)
        elif kind == RECEIVER_REPORT:
            blocks += _parse_blocks(data, at + 8, end, count)
        elif kind == DESCRIPTION and end - at >= 12 and data[at + 8] == 1:
            cname = data[at + 10 : min(end, at + 10 + data[at + 9])].decode("utf-8", "replace")
        elif kind == GOODBYE:
            goodbye = True
        at = end
    return Compound(ssrc=ssrc, sender=sender, blocks=tuple(blocks), cname=cname, goodbye=goodbye)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def _build_block(block: ReportBlock) -> bytes:
    lost = max(-0x800000, min(0x7FFFFF, block.cumulative_lost)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest_sequence & 0xFFFFFFFF,
        block.jitter & 0xFFFFFFFF,
        block.last_sr,
        block.delay & 0xFFFFFFFF,
    )


def _parse_sender(data: bytes, at: int) -> SenderInfo:
    _, seconds, fraction, timestamp, packets, octets = _SENDER.unpack_from(data, at + 4)
    return SenderInfo(ntp=seconds << 32 | fraction, timestamp=timestamp, packets=packets, octets=octets)


def _parse_blocks(data: bytes, at: int, end: int, count: int) -> list[ReportBlock]:
    blocks = []
    for start in range(at, min(end, at + 24 * count) - 23, 24):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(data, start)
        lost = loss & 0xFFFFFF
        blocks.append(
            ReportBlock(
                ssrc=ssrc,
                fraction_lost=loss >> 24,
                cumulative_lost=lost - 0x1000000 if lost & 0x800000 else lost,
                highest_sequence=highest,
                jitter=jitter,
                last_sr=last_sr,
                delay=delay,
            )
        )
    return blocks

"""Tap: packets that passed a port, as records in a file; written while the call goes on, read by who makes the audio.

A tap file is a row of blocks, each `<octets u32><CRC-32 u32>` and that many octets, which hold whole records. A
record is 22 octets of header, little-endian: time of arrival or sending (CLOCK_MONOTONIC ns, u64), SSRC u32, RTP
timestamp u32, sequence u16, marker and payload type u8, kind u8, length u16, then so many octets. Of kinds NOTE and
LOST the payload is the note, or the count of lost records as u64.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

IN: Final = 1
"""Came from the far end."""
OUT: Final = 2
"""Went to the far end."""
NOTE: Final = 3
"""What the owner of the call says of what follows, e.g. which payload type is which codec."""
LOST: Final = 4
"""The tap was full: so many records are missing here."""
PAUSED: Final = 5
"""Nothing is recorded from here on, on purpose, until the next record."""

_HEAD = struct.Struct("<QIIHBBH")
_BLOCK = struct.Struct("<II")
_BLOCK_MOST = 1 << 24


class TapRecord(NamedTuple):
    """One record; `kind` is IN, OUT, NOTE, LOST or PAUSED."""

    at_ns: int
    ssrc: int
    timestamp: int
    sequence: int
    payload_type: int
    marker: bool
    kind: int
    payload: bytes


def pack_record(
    at_ns: int,
    kind: int,
    payload: bytes,
    *,
    ssrc: int = 0,
    timestamp: int = 0,
    sequence: int = 0,
    payload_type: int = 0,
    marker: bool = False,
) -> bytes:
    """One record's octets."""
    head = _HEAD.pack(at_ns, ssrc, timestamp, sequence, payload_type | marker << 7, kind, len(payload))
    return head + payload


def pack_block(records: bytes) -> bytes:
    """Whole records as one block, to be appended to the file by one write."""
    return _BLOCK.pack(len(records), zlib.crc32(records)) + records


def blocks(data: bytes | memoryview) -> Iterator[memoryview]:
    """The whole blocks of a file; it ends at the first that is torn or damaged."""
    view, at = memoryview(data), 0
    while at + _BLOCK.size <= len(view):
        length, check = _BLOCK.unpack_from(view, at)
        at += _BLOCK.size
        if length > _BLOCK_MOST or at + length > len(view) or zlib.crc32(view[at : at + length]) != check:
            return
        yield view[at : at + length]
        at += length


def records(data: bytes | memoryview) -> Iterator[TapRecord]:
    """The records of a file, as far as it is whole."""
    for block in blocks(data):
        at = 0
        while at + _HEAD.size <= len(block):
            at_ns, ssrc, timestamp, sequence, type_and_marker, kind, length = _HEAD.unpack_from(block, at)
            at += _HEAD.size
            yield TapRecord(
                at_ns=at_ns,
                ssrc=ssrc,
                timestamp=timestamp,
                sequence=sequence,
                payload_type=type_and_marker & 0x7F,
                marker=bool(type_and_marker & 0x80),
                kind=kind,
                payload=bytes(block[at : at + length]),
            )
            at += length

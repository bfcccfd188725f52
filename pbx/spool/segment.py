"""A spool segment: its file name, its header and the layout of its records.

A segment is `<first seq, 20 digits>.spool`: the 8 bytes of `FILE_MAGIC`, then records. A record is the
two bytes of `MARK`, the payload's length and its CRC-32 (both unsigned 32 bit, little endian), and the
payload. `MARK` cannot occur inside UTF-8 text, so nothing that a caller sends can look like a record.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from zlib import crc32

FILE_MAGIC: Final = b"CBSPOOL1"
MARK: Final = b"\xff\xfe"
HEADER: Final = struct.Struct("<2sII")
MAX_PAYLOAD: Final = 4 * 1024 * 1024
SUFFIX: Final = ".spool"


class SpoolError(Exception):
    """The spool directory cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the spool: the segment (its first sequence number) and the byte offset in its file."""

    segment: int
    offset: int

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position that `str` wrote. Raises ValueError for anything else."""
        segment, _, offset = text.partition(":")
        return cls(int(segment), int(offset))


START: Final = Position(0, 0)


def frame(payload: bytes) -> bytes:
    """Header of a record with `payload` (the payload follows it)."""
    return HEADER.pack(MARK, len(payload), crc32(payload))


def segment_path(directory: Path, first_seq: int) -> Path:
    """File of the segment that begins with `first_seq`."""
    return directory / f"{first_seq:020d}{SUFFIX}"


def list_segments(directory: Path) -> list[int]:
    """First sequence numbers of all segments there, in order; none where nothing was written yet."""
    try:
        names = [path.stem for path in directory.iterdir() if path.suffix == SUFFIX]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def record_at(data: bytes, offset: int) -> bytes | None:
    """Payload of the whole and undamaged record at `offset` in `data`, else None."""
    start = offset + HEADER.size
    if start > len(data):
        return None
    mark, length, crc = HEADER.unpack_from(data, offset)
    if mark != MARK or not 0 < length <= MAX_PAYLOAD or start + length > len(data):
        return None
    payload = data[start : start + length]
    return payload if crc32(payload) == crc else None


def next_record(data: bytes, offset: int) -> int | None:
    """Offset of the first whole record at or behind `offset`, found by its mark, else None."""
    while (offset := data.find(MARK, offset)) >= 0:
        if record_at(data, offset) is not None:
            return offset
        offset += 1
    return None


def scan(data: bytes) -> tuple[list[int], int]:
    """Offsets of all whole records in a segment's bytes, and the offset behind the last.

    Damage in front of a whole record is passed over; what follows the last one is the torn tail.
    """
    offsets: list[int] = []
    offset: int | None = len(FILE_MAGIC)
    end = len(FILE_MAGIC)
    while offset is not None:
        payload = record_at(data, offset)
        if payload is None:
            offset = next_record(data, offset)
            continue
        offsets.append(offset)
        offset = end = offset + HEADER.size + len(payload)
    return offsets, end

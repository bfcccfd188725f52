"""Blocks: how traced messages lie on disk: a head with length and checksum, then one msgpack array."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Any, Final, Literal
from zlib import crc32

import msgpack  # type: ignore[import-untyped]

from sip.flow import Address

MAGIC: Final = b"CbT1"
_HEAD: Final = struct.Struct("<4sII")
_pack: Final = msgpack.Packer(buf_size=1 << 18).pack

Way = Literal["in", "out"]
Row = tuple[float, bool, str, str, int, str, int, bytes]
"""Monotonic time in seconds, whether it came in, transport, local host and port, remote host and port, message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMessage:
    """One SIP message as it was sent or received, scrubbed; `at_ns` is UTC nanoseconds."""

    at_ns: int
    way: Way
    transport: str
    local: Address
    remote: Address
    data: bytes


def pack_block(offset_ns: int, rows: Sequence[Row]) -> bytes:
    """One block; `offset_ns` added to a row's time gives UTC nanoseconds."""
    body: bytes = _pack((offset_ns, rows))
    return _HEAD.pack(MAGIC, len(body), crc32(body)) + body


def block_places(data: bytes | mmap) -> Iterator[tuple[int, int]]:
    """Where the bodies of a file's blocks begin and end, up to the first that is torn."""
    place, size = 0, len(data)
    while place + _HEAD.size <= size:
        magic, length, _ = _HEAD.unpack_from(data, place)
        begin = place + _HEAD.size
        if magic != MAGIC or begin + length > size:
            return
        yield begin, begin + length
        place = begin + length


def unpack_block(data: bytes | mmap, begin: int, end: int) -> list[TracedMessage]:
    """The messages of a block; none where it is damaged."""
    body = data[begin:end]
    if crc32(body) != _HEAD.unpack_from(data, begin - _HEAD.size)[2]:
        return []
    offset_ns, rows = msgpack.unpackb(body, use_list=False)
    return [_message(offset_ns, *row) for row in rows]


def _message(offset_ns: int, now: float, incoming: bool, transport: str, *rest: Any) -> TracedMessage:
    local_host, local_port, remote_host, remote_port, data = rest
    return TracedMessage(
        at_ns=offset_ns + int(now * 1e9),
        way="in" if incoming else "out",
        transport=transport,
        local=(local_host, local_port),
        remote=(remote_host, remote_port),
        data=data,
    )

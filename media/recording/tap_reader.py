"""Tap reader: one direction of a tap file as spans, packets of one stream and codec that follow each other."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from media.recording.description import Coding, Description, read_description
from media.tap import IN, LOST, NOTE

SPAN_PACKETS: Final = 100
"""Two seconds of most streams: within them a clock that runs 200 ppm fast gains 0.4 ms."""
JUMP_S: Final = 0.5
"""A timestamp that departs from the time of arrival by more begins a new stream."""

_HEAD: Final = struct.Struct("<QIIHBBH")
_BLOCK: Final = struct.Struct("<II")
BLOCK_MOST: Final = 1 << 24
LONGEST_S: Final = 24 * 3600
"""A packet of a later time is damaged."""


@dataclass(slots=True)
class Span:
    """Packets in order of arrival; all lists are of the same length. `anew`: another stream than before."""

    coding: Coding
    anew: bool
    at_ns: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class TapNotes:
    """What was found beside the sound."""

    description: Description | None = None
    """The first one."""
    begin_ns: int | None = None
    last_ns: int = 0
    lost: int = 0
    """Packets for which the tap had no room."""
    reopened: int = 0
    """How often a media worker that had died was replaced."""
    torn: bool = False
    """The end of the file is damaged."""
    packets: int = 0
    unheard: dict[str, int] = field(default_factory=dict)
    """Packets in codecs that cannot be decoded here, by name."""


class TapReader:
    """One file. Whatever is in it, reading ends where it is damaged and raises nothing but OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes = TapNotes()

    def begin(self) -> TapNotes:
        """Read what the file begins with. Raises OSError."""
        with self.path.open("rb") as file:
            block = next(_blocks(file), b"")
        if len(block) >= _HEAD.size:
            at_ns, *_, kind, length = _HEAD.unpack_from(block)
            if kind == NOTE:
                self.notes.description = read_description(block[_HEAD.size : _HEAD.size + length])
                self.notes.begin_ns = at_ns
        return self.notes

    def spans(self, direction: int) -> Iterator[Span]:
        """The packets of IN or OUT, once `begin` has been read. Notes are taken of IN alone. Raises OSError."""
        with self.path.open("rb") as file:
            yield from self._spans(file, direction)

    def _spans(self, file: BinaryIO, direction: int) -> Iterator[Span]:
        notes, counts = self.notes, direction == IN
        earliest_ns = (notes.begin_ns or 0) - 1_000_000_000
        latest_ns = earliest_ns + LONGEST_S * 1_000_000_000
        codings: dict[int, Coding] = {}
        span: Span | None = None
        stream, expected, meta, read = (-1, -1), 0, b"", 0
        for records in _blocks(file):
            read += len(records) + _BLOCK.size
            at, end = 0, len(records) - _HEAD.size
            while at <= end:
                at_ns, ssrc, timestamp, _, payload_type, kind, length = _HEAD.unpack_from(records, at)
                at += 22
                payload = records[at : at + length]
                at += length
                if kind == direction:
                    if not earliest_ns <= at_ns <= latest_ns:
                        continue
                    payload_type &= 0x7F
                    if counts:
                        notes.packets += 1
                        notes.last_ns = at_ns
                    coding = codings.get(payload_type)
                    if coding is None or not payload:
                        continue
                    anew = stream != (ssrc, payload_type)
                    if timestamp != expected and not anew and span is not None:
                        if timestamp == span.timestamps[-1]:
                            continue
                        anew = _jumps(span, at_ns, timestamp)
                    if span is None or anew or len(span.at_ns) >= SPAN_PACKETS:
                        if span is not None:
                            yield span
                        span = Span(coding, anew)
                        stream = (ssrc, payload_type)
                    span.at_ns.append(at_ns)
                    span.timestamps.append(timestamp)
                    span.payloads.append(payload)
                    expected = timestamp + length  # Of G.711; of others it is looked at more closely.
                elif kind == NOTE:
                    described = read_description(payload)
                    if described is not None:
                        codings = {number: one for (way, number), one in described.codings.items() if way == direction}
                    if counts:
                        notes.reopened += payload == meta
                    meta = payload
                elif kind == LOST and counts:
                    notes.lost += int.from_bytes(payload, "little")
        if counts:
            notes.torn = read < self.path.stat().st_size
        if span is not None:
            yield span


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The whole blocks of a file; it ends at the first that is torn or damaged."""
    while True:
        head = file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            return
        length, check = _BLOCK.unpack(head)
        if length > BLOCK_MOST:
            return
        records = file.read(length)
        if len(records) < length or zlib.crc32(records) != check:
            return
        yield records


def _jumps(span: Span, at_ns: int, timestamp: int) -> bool:
    """Whether a timestamp has departed from the time that has passed since the span's last packet."""
    clock = span.coding.clock_rate
    ahead = (timestamp - span.timestamps[-1] + (1 << 31)) % (1 << 32) - (1 << 31)
    passed_s = (at_ns - span.at_ns[-1]) / 1e9
    return abs(ahead / clock - passed_s) > JUMP_S

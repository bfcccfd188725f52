"""Reading the spool: follows the writer over its segments, past damage, never past an open tail."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pbx.events import Envelope, EventError, decode
from pbx.spool.segment import (
    FILE_MAGIC,
    HEADER,
    MAX_PAYLOAD,
    START,
    Position,
    list_segments,
    next_record,
    record_at,
    segment_path,
)

_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class SpoolRecord:
    """One event as written (`payload`) and as read; `segment` and `end` are the place behind it."""

    segment: int
    end: int
    payload: bytes
    envelope: Envelope

    @property
    def position(self) -> Position:
        """Where to read on behind this record."""
        return Position(self.segment, self.end)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something missing in the spool: `skipped_bytes` unreadable and `missing` events before `seq`."""

    at: Position
    skipped_bytes: int
    missing: int
    seq: int


class SpoolReader:
    """Reads records from a position on; the file may grow meanwhile.

    Damage is passed over and appended to `gaps` (drained by the owner); it never stops the reader.
    """

    __slots__ = (
        "_carry",
        "_directory",
        "_expected_seq",
        "_fd",
        "_fd_segment",
        "_skipped",
        "gaps",
        "position",
    )

    def __init__(self, directory: Path, position: Position = START, *, expected_seq: int | None = None) -> None:
        """Begin at `position`; `expected_seq` is the number due there (None: do not check the first)."""
        self._directory = directory
        self.position = position
        self.gaps: list[Gap] = []
        self._expected_seq = expected_seq
        self._skipped = 0
        self._carry = b""  # bytes behind `position` that were read already
        self._fd = -1
        self._fd_segment = -1

    def read(self, limit: int = 1000) -> list[SpoolRecord]:
        """Up to `limit` further records; an empty list when there are none yet.

        Raises OSError when the directory or a segment cannot be read.
        """
        records: list[SpoolRecord] = []
        while len(records) < limit:
            if self._fd < 0 and not self._open():
                break
            self._take(records, limit)
            if len(records) >= limit:
                break
            if self._fill():
                continue
            following = self._following()
            if following is None:
                self._carry = b""  # read it again: a writer that died here cuts this tail off
                break
            # Only the last segment can be in the middle of a write: the writer finished this one
            # before it made the next, so what cannot be read after one more look is damage.
            if self._fill():
                continue
            self._leave_segment(following)
        return records

    def sync(self) -> None:
        """Have the disk hold all that was read so far, so that what is built on it never outlives it."""
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def release(self, position: Position) -> int:
        """Delete segments that lie wholly before `position`; returns how many."""
        old = [first for first in list_segments(self._directory) if first < position.segment]
        for first in old:
            segment_path(self._directory, first).unlink(missing_ok=True)
        return len(old)

    def close(self) -> None:
        """Close the open segment; `read` opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> bool:
        segments = [first for first in list_segments(self._directory) if first >= self.position.segment]
        if not segments:
            return False  # not written yet
        if segments[0] != self.position.segment:
            self.position = Position(segments[0], 0)
        self._fd = os.open(segment_path(self._directory, segments[0]), os.O_RDONLY | os.O_CLOEXEC)
        self._fd_segment = segments[0]
        self._carry = b""
        if self.position.offset < len(FILE_MAGIC):
            self.position = Position(segments[0], len(FILE_MAGIC))
        return True

    def _fill(self) -> bool:
        """Read on behind what is carried; False when the file has no more now."""
        data = os.pread(self._fd, _CHUNK_BYTES, self.position.offset + len(self._carry))
        self._carry += data
        return bool(data)

    def _following(self) -> int | None:
        newer = [first for first in list_segments(self._directory) if first > self._fd_segment]
        return newer[0] if newer else None

    def _leave_segment(self, following: int) -> None:
        self._skipped += len(self._carry)
        self.close()
        self._carry = b""
        self.position = Position(following, 0)

    def _take(self, records: list[SpoolRecord], limit: int) -> None:
        """Move whole records from the carried bytes to `records`."""
        data, offset = self._carry, 0
        segment, base = self.position.segment, self.position.offset
        while len(records) < limit:
            payload = record_at(data, offset)
            if payload is None:
                found = self._resume(data, offset)
                if found is None:
                    break
                self._skipped += found - offset
                offset = found
                continue
            begin = offset
            offset += HEADER.size + len(payload)
            try:
                envelope = decode(payload)
            except EventError:
                self._skipped += offset - begin
                continue
            if self._skipped or envelope.seq != self._expected_seq:
                self._note_gap(Position(segment, base + begin), envelope.seq)
            self._expected_seq = envelope.seq + 1
            records.append(SpoolRecord(segment, base + offset, payload, envelope))
        self._carry = data[offset:]
        self.position = Position(segment, base + offset)

    def _resume(self, data: bytes, offset: int) -> int | None:
        """Where to go on when there is no whole record at `offset`; None: wait for more bytes."""
        rest = len(data) - offset
        if rest < HEADER.size:
            return None
        found = next_record(data, offset + 1)
        if found is None and rest > 2 * (MAX_PAYLOAD + HEADER.size):
            # No record is that long: drop half of it, so that damage cannot fill the memory.
            return offset + MAX_PAYLOAD
        return found

    def _note_gap(self, at: Position, seq: int) -> None:
        missing = 0 if self._expected_seq is None else max(0, seq - self._expected_seq)
        if self._skipped or missing:
            self.gaps.append(Gap(at, self._skipped, missing, seq))
            self._skipped = 0

"""Writing the spool: buffer per event, one write per step, one disk flush per 100 ms."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from pbx.events import Event, EventError, decode, encode
from pbx.spool.segment import (
    FILE_MAGIC,
    MAX_PAYLOAD,
    SpoolError,
    frame,
    list_segments,
    record_at,
    scan,
    segment_path,
)

DEFAULT_SEGMENT_BYTES: Final = 64 * 1024 * 1024
DEFAULT_BUFFER_LIMIT_BYTES: Final = 64 * 1024 * 1024
_OPEN_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class SpoolWriter:
    """The one writer of a spool directory; numbers every event of the node without gaps.

    `append` buffers, `flush` hands the buffer to the kernel (then a killed process loses nothing),
    `sync` hands it to the disk (then a power cut loses nothing); `sync` may run in another thread.
    When the disk is full, `full` turns True, the buffer is kept and every `flush` tries again: the owner
    refuses new calls meanwhile. `error` says why. Only beyond `buffer_limit_bytes` events are dropped,
    counted in `dropped`.
    """

    __slots__ = (
        "_buffer",
        "_buffer_bytes",
        "_buffer_limit_bytes",
        "_directory",
        "_fd",
        "_first_seq",
        "_lock_fd",
        "_mid_record",
        "_offset",
        "_retired",
        "_segment_bytes",
        "_seq",
        "_sync_lock",
        "_write",
        "dropped",
        "error",
        "full",
    )

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        buffer_limit_bytes: int = DEFAULT_BUFFER_LIMIT_BYTES,
        floor_seq: int = 1,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        """Open the spool in `directory` (made when missing), cut a torn tail, continue its numbers.

        An empty directory begins with `floor_seq`. Raises SpoolError when the directory cannot be
        used or another process writes there.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._buffer_limit_bytes = buffer_limit_bytes
        self._write = write
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._mid_record = False
        self._retired: list[int] = []
        self._sync_lock = threading.Lock()
        self.full = False
        self.error: str | None = None
        self.dropped = 0
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_fd = _lock(directory)
            self._seq, self._fd, self._offset = self._open_last(floor_seq)
        except OSError as error:
            raise SpoolError(f"spool {directory}: {error}; check that it is writable") from error
        self._first_seq = self._seq

    @property
    def next_seq(self) -> int:
        """Number that the next appended event gets."""
        return self._seq

    @property
    def buffered_bytes(self) -> int:
        """Bytes not yet handed to the kernel."""
        return self._buffer_bytes

    def append(self, event: Event, at_ns: int) -> int:
        """Buffer `event`, stated at `at_ns` (UTC ns), and return its number; 0 when it was dropped.

        Raises EventError when the event cannot be written at all (a value of no plain type).
        """
        if self._buffer_bytes > self._buffer_limit_bytes:
            self.dropped += 1
            return 0
        seq = self._seq
        payload = encode(event, seq, at_ns)
        if len(payload) > MAX_PAYLOAD:
            raise EventError(f"{event.type} of {len(payload)} bytes is over the limit of {MAX_PAYLOAD}")
        record = frame(payload) + payload
        self._buffer.append(record)
        self._buffer_bytes += len(record)
        self._seq = seq + 1
        return seq

    def flush(self) -> bool:
        """Write all that is buffered with one call to the kernel; False when it did not take all."""
        if not self._buffer:
            return True
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        try:
            if (
                self._offset + len(data) > self._segment_bytes
                and not self._mid_record
                and self._offset > len(FILE_MAGIC)
            ):
                self._roll()
            written = self._write(self._fd, data)
        except OSError as error:
            self._buffer = [data]
            self.full = True
            self.error = f"spool {self._directory}: {error}"
            return False
        self._offset += written
        if written < len(data):  # a disk that fills up takes a part; the rest must follow it directly
            self._buffer = [data[written:]]
            self._buffer_bytes = len(data) - written
            self._mid_record = True
            self.full = True
            self.error = f"spool {self._directory}: {written} of {len(data)} bytes written, disk full?"
            return False
        self._buffer.clear()
        self._buffer_bytes = 0
        self._mid_record = False
        self._first_seq = self._seq
        self.full = False
        self.error = None
        return True

    def sync(self) -> None:
        """Hand everything flushed to the disk (fdatasync); blocks, so call it in a thread.

        Raises OSError when the disk fails.
        """
        with self._sync_lock:
            retired, self._retired = self._retired, []
            for fd in retired:
                os.fdatasync(fd)
                os.close(fd)
            if self._fd >= 0:
                os.fdatasync(self._fd)
            if retired:
                _sync_directory(self._directory)

    def close(self) -> None:
        """Flush, sync and let another writer in; harmless when called twice."""
        if self._fd < 0:
            return
        self.flush()
        self.sync()
        with self._sync_lock:
            os.close(self._fd)
            self._fd = -1
            os.close(self._lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _roll(self) -> None:
        fd, offset = _create(segment_path(self._directory, self._first_seq))
        self._retired.append(self._fd)
        self._fd, self._offset = fd, offset

    def _open_last(self, floor_seq: int) -> tuple[int, int, int]:
        """Next sequence number, descriptor and size of the segment to go on with."""
        segments = list_segments(self._directory)
        if not segments:
            fd, offset = _create(segment_path(self._directory, floor_seq))
            _sync_directory(self._directory)
            return floor_seq, fd, offset
        path = segment_path(self._directory, segments[-1])
        data = path.read_bytes()
        offsets, end = scan(data)
        seq = max(segments[-1], _last_seq(data, offsets) + 1)
        fd, _ = _create(path)
        os.ftruncate(fd, end)
        os.fdatasync(fd)
        return seq, fd, end


def _last_seq(data: bytes, offsets: list[int]) -> int:
    """Number of the last event in a segment's bytes, 0 without any."""
    for offset in reversed(offsets):
        payload = record_at(data, offset)
        if payload is not None:
            with contextlib.suppress(EventError):  # whole, but no event: the one before it counts
                return decode(payload).seq
    return 0


def _create(path: Path) -> tuple[int, int]:
    """Open a segment for appending, with its header in place; descriptor and size."""
    fd = os.open(path, _OPEN_FLAGS, 0o600)
    size = os.fstat(fd).st_size
    if size >= len(FILE_MAGIC):
        return fd, size
    try:
        os.ftruncate(fd, 0)
        if os.write(fd, FILE_MAGIC) < len(FILE_MAGIC):
            raise OSError(f"{path}: no room for the segment header")
    except OSError:
        os.close(fd)
        raise
    return fd, len(FILE_MAGIC)


def _lock(directory: Path) -> int:
    fd = os.open(directory / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise SpoolError(f"spool {directory}: another server writes here; stop it first") from None
    return fd


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

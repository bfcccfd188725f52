"""Ring: the files of the trace; the oldest go when there are too many bytes, or when their time has come."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

SUFFIX: Final = ".trace"
SEGMENTS: Final = 16
"""Into how many files the allowed size, and the allowed age, are divided."""
_LOOK_NS: Final = 60_000_000_000
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


def segment_paths(directory: Path) -> list[tuple[int, Path]]:
    """The files of a trace, oldest first, each with the UTC milliseconds at which it begins."""
    found = []
    with suppress(FileNotFoundError):
        for path in directory.iterdir():
            if path.suffix == SUFFIX and path.stem.isdigit():
                found.append((int(path.stem), path))
    return sorted(found)


class TraceRing:
    """The one writer of a trace directory; never more than `size_bytes`, nothing older than `age_s`.

    An earlier process's files are kept and count; each process begins a file of its own. Its methods block on the
    disk, so they are called in a thread, one at a time.
    """

    def __init__(self, directory: Path, *, size_bytes: int, age_s: float) -> None:
        self._directory = directory
        self._size_bytes = size_bytes
        self._segment_bytes = size_bytes // SEGMENTS
        self._age_ns = int(age_s * 1e9)
        self._fd = -1
        self._offset = 0
        self._began_ns = 0
        self._looked_ns = 0

    def write(self, data: bytes, now_ns: int) -> None:
        """Append blocks; `now_ns` is UTC. Raises OSError; the data is lost then, the ring goes on with the next."""
        begun_too_early = now_ns - self._began_ns > self._age_ns // SEGMENTS
        if self._fd < 0 or begun_too_early or (self._offset and self._offset + len(data) > self._segment_bytes):
            self._roll(now_ns)
        elif now_ns - self._looked_ns > _LOOK_NS:
            self._prune(now_ns, 0)
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._fd, view)
                self._offset += written
                view = view[written:]
        except OSError:
            # What was written of a block would hide what follows it in this file.
            self.close()
            raise

    def close(self) -> None:
        """Close the file; harmless when called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _roll(self, now_ns: int) -> None:
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._prune(now_ns, self._segment_bytes)
        self._began_ns = now_ns
        path = self._directory / f"{now_ns // 1_000_000:015d}{SUFFIX}"
        self._fd = os.open(path, _FLAGS, 0o600)
        self._offset = os.fstat(self._fd).st_size

    def _prune(self, now_ns: int, room_bytes: int) -> None:
        """Delete what is too old, and the oldest until `room_bytes` more fit."""
        self._looked_ns = now_ns
        segments = segment_paths(self._directory)
        sizes = [path.stat().st_size for _, path in segments]
        left = sum(sizes)
        for (began_ms, path), size in zip(segments, sizes, strict=True):
            too_old = now_ns - began_ms * 1_000_000 > self._age_ns
            if not too_old and left + room_bytes <= self._size_bytes:
                return
            if self._fd >= 0 and began_ms == self._began_ns // 1_000_000:
                return
            path.unlink(missing_ok=True)
            left -= size

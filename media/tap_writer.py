"""Tap writer: appends what the ports' taps hold to their files, a few times a second, in the media worker."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from media.mix_state import Tap
from media.tap import LOST, NOTE, PAUSED, pack_block, pack_record

WRITE_WITHIN_S = 0.25
"""How far a file may be behind its call."""

Taken = Callable[[int], tuple[bytes, int]]
"""Takes what a port's tap holds (`Datapath.tapped`)."""


@dataclass(slots=True)
class _File:
    fd: int
    tap: Tap
    pending: bytes = b""


class TapWriter:
    """One file a port; a write that fails ends that recording, is told once, and disturbs nobody else."""

    def __init__(self, taken: Taken, on_failure: Callable[[int, str], None]) -> None:
        self._taken = taken
        self._on_failure = on_failure
        self._files: dict[int, _File] = {}

    def __len__(self) -> int:
        return len(self._files)

    def put(self, port_id: int, tap: Tap | None, now_ns: int) -> None:
        """Follow a port's state, after the data path has: begin, go on with, pause or end its file."""
        held = self._files.get(port_id)
        if held is not None and (tap is None or tap.path != held.tap.path):
            self._end(port_id)
            held = None
        if tap is None:
            return
        if held is None:
            try:
                fd = os.open(tap.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            except OSError as error:
                self._on_failure(port_id, str(error))
                return
            held = self._files[port_id] = _File(fd=fd, tap=tap)
            held.pending = pack_record(now_ns, NOTE, tap.meta)
            if tap.paused:
                held.pending += pack_record(now_ns, PAUSED, b"")
            self._write(port_id, held)
        elif tap != held.tap:
            # What was taken before belongs in front of the note.
            self._write(port_id, held)
            if tap.meta != held.tap.meta:
                held.pending += pack_record(now_ns, NOTE, tap.meta)
            if tap.paused and not held.tap.paused:
                held.pending += pack_record(now_ns, PAUSED, b"")
            held.tap = tap

    def write(self) -> None:
        """Append what has come since the last time."""
        for port_id, held in list(self._files.items()):
            self._write(port_id, held)

    def closed(self, port_id: int) -> None:
        """The port is gone: write its rest and close the file."""
        if port_id in self._files:
            self._end(port_id)

    def close(self) -> None:
        """End every file."""
        for port_id in list(self._files):
            self._end(port_id)

    def _end(self, port_id: int) -> None:
        self._write(port_id, self._files[port_id])
        held = self._files.pop(port_id, None)
        if held is not None:
            os.close(held.fd)

    def _write(self, port_id: int, held: _File) -> None:
        try:
            records, lost = self._taken(port_id)
        except KeyError:
            records, lost = b"", 0
        data = held.pending + records
        if lost:
            data += pack_record(0, LOST, lost.to_bytes(8, "little"))
        held.pending = b""
        if not data:
            return
        block = pack_block(data)
        try:
            written = os.write(held.fd, block)
            if written != len(block):
                # A full disk may take a part; the reader stops at a torn block.
                raise OSError(f"{held.tap.path}: {written} of {len(block)} octets written; is the disk full?")
        except OSError as error:
            os.close(held.fd)
            del self._files[port_id]
            self._on_failure(port_id, str(error))

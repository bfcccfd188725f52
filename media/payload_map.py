"""Payload files in memory: one mapping of a ready file serves every port that plays it."""

import mmap
import os
from typing import TypeAlias

from media.port_state import Player

_Version: TypeAlias = tuple[int, int, int]
_KEPT = 256


class PayloadFiles:
    """Maps ready payload files, each version of a file once; a view keeps its mapping alive."""

    def __init__(self) -> None:
        self._mapped: dict[str, tuple[_Version, memoryview]] = {}

    def get(self, player: Player) -> memoryview:
        """Give the file's bytes, at least one frame. Raises OSError, ValueError (no frame of that size)."""
        if not 1 <= player.frame_bytes <= 1400:
            raise ValueError(f"player {player.id}: frame of {player.frame_bytes} bytes; give 1..1400")
        if player.ptime_ms < 1:
            raise ValueError(f"player {player.id}: ptime of {player.ptime_ms} ms; give 1 or more")
        status = os.stat(player.path)
        if status.st_size < player.frame_bytes:
            raise ValueError(f"{player.path}: shorter than one frame of {player.frame_bytes} bytes")
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._mapped.get(player.path)
        if known is not None and known[0] == version:
            return known[1]
        view = _map(player.path, status.st_size)
        if len(self._mapped) >= _KEPT:
            del self._mapped[next(iter(self._mapped))]
        self._mapped[player.path] = (version, view)
        return view


def _map(path: str, size: int) -> memoryview:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(fd, size, prot=mmap.PROT_READ))
    finally:
        os.close(fd)

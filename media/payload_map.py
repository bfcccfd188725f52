"""Payload files in memory: one mapping of a ready file serves every port that plays it."""

import mmap
import os
from typing import TypeAlias

from media.port_state import Player

_Version: TypeAlias = tuple[int, int, int]
_KEPT = 256

FRAME_MOST = 1400
"""Octets of a frame that still fits a datagram on any path."""


class PayloadFiles:
    """Maps ready payload files, each version of a file once; a view keeps its mapping alive."""

    def __init__(self) -> None:
        self._mapped: dict[tuple[str, bool], tuple[_Version, memoryview]] = {}

    def get(self, player: Player, path: str | None = None) -> memoryview:
        """Give the bytes of one of the player's files (the first by default), at least one frame.

        Raises OSError, ValueError (no frame of that size, or no whole frames in a framed file).
        """
        path = player.path if path is None else path
        if not 0 <= player.frame_bytes <= FRAME_MOST:
            raise ValueError(
                f"player {player.id}: frame of {player.frame_bytes} bytes; give 0 (framed) to {FRAME_MOST}"
            )
        if player.ptime_ms < 1:
            raise ValueError(f"player {player.id}: ptime of {player.ptime_ms} ms; give 1 or more")
        status = os.stat(path)
        if status.st_size < (player.frame_bytes or 2):
            raise ValueError(f"{path}: shorter than one frame of {player.frame_bytes} bytes")
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        key = (path, not player.frame_bytes)
        known = self._mapped.get(key)
        if known is not None and known[0] == version:
            return known[1]
        view = _map(path, status.st_size)
        if not player.frame_bytes:
            try:
                frame_starts(view)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
        if len(self._mapped) >= _KEPT:
            del self._mapped[next(iter(self._mapped))]
        self._mapped[key] = (version, view)
        return view


def frame_starts(data: memoryview) -> list[int]:
    """Offsets of the frames of framed data: each is two octets of length, low one first, and so many more.

    Raises ValueError where the last frame is cut short or one is too long for a datagram.
    """
    starts, at = [], 0
    while at + 2 <= len(data):
        starts.append(at)
        length = data[at] | data[at + 1] << 8
        if length > FRAME_MOST:
            raise ValueError(f"a frame of {length} octets; give at most {FRAME_MOST}")
        at += 2 + length
    if at != len(data):
        raise ValueError(f"the last frame is cut short: {len(data)} octets, expected {at}")
    return starts


def _map(path: str, size: int) -> memoryview:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(fd, size, prot=mmap.PROT_READ))
    finally:
        os.close(fd)

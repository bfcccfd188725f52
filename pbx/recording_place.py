"""Recording place: the folder that taps of running calls are written to, and whether its disk has room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

WARN_PERCENT: Final = 85.0
STOP_PERCENT: Final = 95.0
PENDING: Final = "pending"


class RecordingPlace:
    """`<data>/recordings`. From 95 % of the disk on no recording begins that is not forced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used_percent = 0.0
        self.started = 0
        self.broken = 0
        self.refused = 0
        """Recordings that did not begin for want of room."""

    def open(self, call: str) -> str:
        """Make the folder of a call's taps and return its path. Raises OSError."""
        path = f"{self.folder}/{PENDING}/{call}"
        try:
            os.mkdir(path, 0o750)
        except FileExistsError:
            return path
        except FileNotFoundError:
            os.makedirs(path, 0o750)
        return path

    @property
    def full(self) -> bool:
        """Whether recordings that are not forced have to wait for room."""
        return self.used_percent >= STOP_PERCENT

    def measure(self) -> bool:
        """Look how full the disk is; whether it has just passed 85 %. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        disk = os.statvfs(self.folder)
        # As `df` counts: what is kept for root is room for nobody here.
        used = disk.f_blocks - disk.f_bfree
        percent = 100.0 * used / max(1, used + disk.f_bavail)
        passed = percent >= WARN_PERCENT > self.used_percent
        self.used_percent = percent
        return passed

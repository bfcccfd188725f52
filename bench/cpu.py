"""CPU: the time that a process and all its descendants have used, from /proc."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
QUIET_S = 0.5
"""A tree that uses less than two ticks in this time has nothing left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeTime:
    """CPU seconds (user and system, all threads) by process id."""

    by_pid: dict[int, float]

    @property
    def total_s(self) -> float:
        return sum(self.by_pid.values())

    def since(self, earlier: TreeTime) -> float:
        """CPU seconds used after `earlier`. Raises RuntimeError if a process of `earlier` has ended: its time is gone."""
        gone = earlier.by_pid.keys() - self.by_pid.keys()
        if gone:
            raise RuntimeError(f"processes {sorted(gone)} of the measured program ended under load: see its log")
        return self.total_s - earlier.total_s


def descendants(root: int) -> list[int]:
    """The process and all its descendants. Raises RuntimeError if it does not run."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_bytes().rsplit(b")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    if not Path(f"/proc/{root}").exists():
        raise RuntimeError(f"the measured process {root} has ended: see its log")
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def process_s(pid: int) -> float:
    """CPU seconds of one process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def tree_time(root: int) -> TreeTime:
    """CPU time of a process and all its descendants."""
    times: dict[int, float] = {}
    for pid in descendants(root):
        with suppress(OSError):
            times[pid] = process_s(pid)
    return TreeTime(by_pid=times)


def quiet_time(root: int, timeout_s: float) -> TreeTime:
    """The time of the tree once it has nothing left to do, at most `timeout_s` from now."""
    deadline = time.monotonic() + timeout_s
    now = tree_time(root)
    while time.monotonic() < deadline:
        time.sleep(QUIET_S)
        before, now = now, tree_time(root)
        if now.total_s - before.total_s < 2.0 / TICKS_PER_S:
            break
    return now


def load_of_others() -> float:
    """The machine's load average of the last minute, taken before a run: what else was going on."""
    return os.getloadavg()[0]

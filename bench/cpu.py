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
        """CPU seconds used after `earlier`.

        Raises RuntimeError if a process of `earlier` has ended: its time is gone.
        """
        gone = earlier.by_pid.keys() - self.by_pid.keys()
        if gone:
            raise RuntimeError(f"processes {sorted(gone)} of the measured program ended under load: see its log")
        return self.total_s - earlier.total_s

    def split(self, earlier: TreeTime, units: float) -> str:
        """Who used it: milliseconds per unit of work by program, the largest first."""
        used: dict[str, float] = {}
        for pid, seconds in self.by_pid.items():
            name = program_name(pid)
            used[name] = used.get(name, 0.0) + seconds - earlier.by_pid.get(pid, 0.0)
        ordered = sorted(used.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {1000.0 * seconds / units:.2f}" for name, seconds in ordered if seconds > 0.0)


def program_name(pid: int) -> str:
    """The module that a Python process runs, else its command. Raises OSError if it has ended."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    return Path(words[0]).name


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


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineTime:
    """CPU seconds of the whole machine so far: all, those that its host took away, busy ones, and ours among these."""

    all_s: float
    stolen_s: float
    busy_s: float
    ours_s: float

    def stolen_percent(self, later: MachineTime) -> float:
        """Percent of all CPU time that the host took away between the two."""
        return 100.0 * (later.stolen_s - self.stolen_s) / max(0.01, later.all_s - self.all_s)

    def others_percent(self, later: MachineTime) -> float:
        """Percent of all CPU time that programs used between the two that this benchmark did not start."""
        others_s = (later.busy_s - self.busy_s) - (later.ours_s - self.ours_s)
        return max(0.0, 100.0 * others_s / max(0.01, later.all_s - self.all_s))


def machine_time() -> MachineTime:
    """The `cpu` line of /proc/stat (user, nice, system, idle, iowait, irq, softirq, steal); ours and ended children."""
    with open("/proc/stat", encoding="ascii") as lines:
        fields = [int(one) / TICKS_PER_S for one in next(lines).split()[1:9]]
    own = os.times()
    return MachineTime(
        all_s=sum(fields),
        stolen_s=fields[7],
        busy_s=fields[0] + fields[1] + fields[2] + fields[5] + fields[6],
        ours_s=own.user + own.system + own.children_user + own.children_system,
    )

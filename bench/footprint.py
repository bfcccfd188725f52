"""Footprint: the memory of a process tree, from /proc."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.cpu import descendants


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Resident and proportional memory of all processes, in kB (1024 bytes)."""

    rss_kb: int
    pss_kb: int


def footprint(root: int) -> Footprint:
    """The memory of a process and all its descendants. Raises OSError if one ends meanwhile."""
    rss_kb = pss_kb = 0
    for pid in descendants(root):
        fields = _fields(Path(f"/proc/{pid}/smaps_rollup"))
        rss_kb += fields["Rss"]
        pss_kb += fields["Pss"]
    return Footprint(rss_kb=rss_kb, pss_kb=pss_kb)


def _fields(path: Path) -> dict[str, int]:
    lines = path.read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}

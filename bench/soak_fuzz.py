"""Soak: damaged datagrams at a stack with a call up; prints memory at the start and at the end as JSON.

`python -m bench.soak_fuzz [--datagrams 1000000] [--seed 1]`
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path

from tests.fakes.assault import Assault

WARM_UP = 100_000
"""Datagrams before memory is first looked at: 64*T1 of virtual time several times over, every cache full."""


def resident_kb() -> int:
    """Resident memory of this process in kB (Linux: VmRSS of /proc/self/status)."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("no VmRSS in /proc/self/status: this measurement needs Linux")


def soak(datagrams: int, seed: int) -> dict[str, object]:
    """Fire `datagrams` after a warm-up. Raises AssertionError where something is left at the end."""
    assault = Assault(seed)
    assault.run(min(WARM_UP, datagrams))
    start_kb = resident_kb()
    began = time.process_time()
    assault.run(datagrams)
    cpu_s = time.process_time() - began
    end_kb = resident_kb()
    census = assault.finish()
    assert set(census.values()) == {0}, f"left behind: {census}"
    return {
        "datagrams": assault.sent,
        "malformed": assault.victim.malformed,
        "strays": assault.victim.strays,
        "calls": assault.calls,
        "rss_start_kb": start_kb,
        "rss_end_kb": end_kb,
        "rss_after_all_ended_kb": resident_kb(),
        "cpu_us_per_datagram": round(cpu_s / datagrams * 1e6, 1),
        "census": census,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    json.dump(soak(chosen.datagrams, chosen.seed), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

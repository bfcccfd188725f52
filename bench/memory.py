"""Memory: what one held call takes, over all processes of the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.cpu import quiet_time
from bench.figure import Figure
from bench.footprint import Footprint, footprint
from bench.phone_pair import PhonePair
from bench.plan import Plan
from bench.server import Server
from bench.udp_port import HOST

CALLS = 300
RATE = 100.0
SETTLE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRun:
    """The footprint of a server just started, and the same with its first calls, and with as many again."""

    idle: Footprint
    held: Footprint
    twice: Footprint


def measure_memory(plan: Plan) -> list[Figure]:
    """RSS (and PSS) of a held call: the first 300 calls of a fresh server, and 300 more on top of them."""
    runs: list[MemoryRun] = []
    while plan.another_round(len(runs), 20.0):
        runs.append(_round(plan.folder / f"memory-{len(runs)}"))
    idle_mb = max(run.idle.rss_kb for run in runs) / 1024
    return [
        Figure(
            work=f"memory per call, {CALLS} held - idle: RSS",
            unit="kB",
            ours=tuple((run.held.rss_kb - run.idle.rss_kb) / CALLS for run in runs),
            must=300.0,
            aim=75.0,
            peer=(75.0,),
            peer_name="FreeSBC, not in this run",
            published=True,
            note=f"idle {idle_mb:.0f} MB",
        ),
        Figure(
            work="  the same: PSS",
            unit="kB",
            ours=tuple((run.held.pss_kb - run.idle.pss_kb) / CALLS for run in runs),
        ),
        Figure(
            work=f"  {CALLS} more calls on top: RSS",
            unit="kB",
            ours=tuple((run.twice.rss_kb - run.held.rss_kb) / CALLS for run in runs),
        ),
    ]


def _round(folder: Path) -> MemoryRun:
    with Server(folder) as server, PhonePair((HOST, server.port), server.load_in, server.load_out) as pair:
        quiet_time(server.pid, 5.0)
        idle = footprint(server.pid)
        pair.set_up(CALLS, RATE, None)
        pair.hold(SETTLE_S)
        held = footprint(server.pid)
        pair.set_up(CALLS, RATE, None)
        pair.hold(SETTLE_S)
        twice = footprint(server.pid)
        pair.hang_up(RATE)
    return MemoryRun(idle=idle, held=held, twice=twice)

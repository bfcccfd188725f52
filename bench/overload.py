"""Overload: three times the calls that the server can serve, for two minutes, beside calls that talk all the while."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cpu import quiet_time
from bench.figure import Figure
from bench.phone_pair import PhonePair
from bench.plan import Plan
from bench.program import StepFailed
from bench.rtp_generator import run_calls
from bench.server import Server
from bench.sipp_load import LoadResult, callee, run_load
from bench.udp_port import HOST, RTP_PORTS, drops_at

OFFERED = 900
"""Calls per second: three times what one core serves here beside SIPp."""
TALK_MS = 2000
HELD = 20
FULL_S, QUICK_S = 120.0, 20.0
AFTER_RATE, AFTER_S = 50, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """What became of the calls of the flood, of the held ones, and of those right after it."""

    offered: int
    served: int
    spoilt: int
    lost_packets: int
    sent_packets: int
    held_ended_well: int
    failed_after: int
    first_error: str


def measure_overload(plan: Plan) -> list[Figure]:
    """Calls served and spoilt under the flood, packets lost by the calls that talked, calls refused after it."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    run = _round(plan.folder / "overload", length_s)
    name = f"{OFFERED} calls/s for {length_s:g} s"
    return [
        Figure(
            work=f"{name}: served",
            unit="calls/s",
            ours=(run.served / length_s,),
            note=f"of {run.offered} offered {run.served} were answered and ended, the rest got 503",
        ),
        Figure(
            work="  neither served whole nor refused with 503",
            unit="calls",
            ours=(float(run.spoilt),),
            must=0.0,
            note=f"first: {run.first_error}" if run.spoilt else "",
        ),
        Figure(
            work=f"  packets lost by {HELD} calls that talked all the while",
            unit="packets",
            ours=(float(run.lost_packets),),
            must=0.0,
            note=f"of {run.sent_packets}",
        ),
        Figure(
            work="  of them not ended by their BYE", unit="calls", ours=(float(HELD - run.held_ended_well),), must=0.0
        ),
        Figure(
            work=f"  refused or failed at {AFTER_RATE}/s, 2 s after the flood",
            unit="calls",
            ours=(float(run.failed_after),),
            must=0.0,
        ),
    ]


def _round(folder: Path, length_s: float) -> Flood:
    with (
        Server(folder) as server,
        callee(folder, server.load_out),
        PhonePair((HOST, server.port), server.held_in, server.held_out, media=True) as held,
    ):
        held.set_up(HELD, 20.0, None)
        held.hold(0.5)
        results: list[LoadResult] = []
        flood = threading.Thread(target=lambda: results.append(_flood(folder, server, length_s)))
        flood.start()
        # The kernel's drops at the generator's own sockets are not the relay's.
        own = {one.getsockname()[1] for end in held.ends() for one in (end.left, end.right)}
        dropped = drops_at(HOST, own)
        talk: dict[str, Any] = run_calls(held.ends(), length_s, 0.0)
        lost = max(0, talk["lost"] - (drops_at(HOST, own) - dropped)) + drops_at(server.media_host, RTP_PORTS)
        flood.join()
        if not results:
            raise StepFailed("SIPp left no result of the flood")
        (load,) = results
        held.hold(2.0)
        after = _after(folder, server)
        held.hang_up(20.0)
        ended = sum(call.ended for call in held.calls)
        quiet_time(server.pid, 30.0)  # By then the last record is committed.
        served = server.answered_records() - after.successful - ended
    return Flood(
        offered=load.created,
        served=served,
        spoilt=load.created - load.successful,
        lost_packets=lost,
        sent_packets=talk["sent"],
        held_ended_well=ended,
        failed_after=after.created - after.successful,
        first_error=load.first_error,
    )


def _flood(folder: Path, server: Server, length_s: float) -> LoadResult:
    return run_load(
        "flood",
        folder=folder,
        to_port=server.port,
        port=server.load_in,
        number="9001",
        rate=OFFERED,
        total=round(OFFERED * length_s),
        options=["-d", str(TALK_MS)],
    )


def _after(folder: Path, server: Server) -> LoadResult:
    return run_load(
        "caller",
        folder=folder / "after",
        to_port=server.port,
        port=server.load_in,
        number="9001",
        rate=AFTER_RATE,
        total=round(AFTER_RATE * AFTER_S),
        options=["-d", "500"],
    )

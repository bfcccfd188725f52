"""Latency: INVITE to first 18x at 200 calls a second, without what the called phone takes."""

from __future__ import annotations

from pathlib import Path

from bench.figure import Figure
from bench.phone_pair import PhonePair
from bench.plan import Plan
from bench.server import Server
from bench.udp_port import HOST

RATE = 200
TALK_S = 1.0
FULL_S, QUICK_S = 20.0, 6.0
LEFT_OUT_S = 1.0
"""Calls of the first second are not counted: the server has just been started."""


def measure_latency(plan: Plan) -> list[Figure]:
    """Median, 99th percentile and worst of all calls, by the kernel's times of arrival."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    rounds: list[tuple[list[float], float]] = []
    while plan.another_round(len(rounds), length_s + 6.0):
        rounds.append(_round(plan.folder / f"latency-{len(rounds)}", length_s))
    callee_ms = max(callee for _, callee in rounds)
    name = f"INVITE to first 18x, at {RATE}/s for {length_s:g} s"
    return [
        Figure(work=f"{name}: p50", unit="ms", ours=tuple(_share(delays, 0.5) for delays, _ in rounds)),
        Figure(
            work=f"{name}: p99",
            unit="ms",
            ours=tuple(_share(delays, 0.99) for delays, _ in rounds),
            must=20.0,
            aim=5.0,
            note=f"called phone's own time subtracted (p99 {callee_ms:.2f} ms)",
        ),
        Figure(work=f"{name}: worst", unit="ms", ours=tuple(delays[-1] for delays, _ in rounds)),
    ]


def _round(folder: Path, length_s: float) -> tuple[list[float], float]:
    """Sorted delays of ours, and the 99th percentile of the called phone's own."""
    with Server(folder) as server, PhonePair((HOST, server.port), server.load_in, server.load_out) as pair:
        calls = pair.set_up(round((LEFT_OUT_S + length_s) * RATE), RATE, TALK_S)[round(LEFT_OUT_S * RATE) :]
    return sorted(call.ringing_delay_ms for call in calls), _share(sorted(call.callee_delay_ms for call in calls), 0.99)


def _share(ordered: list[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

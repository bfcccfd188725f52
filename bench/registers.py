"""Registers: CPU of one REGISTER with digest (401, then 200) at 300 a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.cpu import quiet_time
from bench.figure import Figure
from bench.plan import Plan
from bench.program import StepFailed
from bench.server import Server
from bench.sipp_load import LoadResult, run_load

RATE = 300
FULL_S, QUICK_S = 20.0, 6.0
ASTERISK_MS = 0.58
USER, PASSWORD = "1001", "demo-1001"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRun:
    """One round: the CPU of all processes, for one registration that succeeded."""

    ms_each: float
    load: LoadResult
    split: str


def measure_registers(plan: Plan) -> list[Figure]:
    """CPU per registration of ours beside Asterisk's published one; registrations that failed."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    rounds: list[RegisterRun] = []
    while plan.another_round(len(rounds), length_s + 10.0):
        rounds.append(_round(plan.folder / f"registers-{len(rounds)}", length_s))
    return [
        Figure(
            work=f"one REGISTER with digest (401, 200), at {RATE}/s for {length_s:g} s: CPU",
            unit="ms",
            ours=tuple(run.ms_each for run in rounds),
            peer=(ASTERISK_MS,),
            peer_name="Asterisk, not in this run",
            published=True,
            must=0.5,
            aim=0.25,
            note=f"by process, ms: {rounds[-1].split}",
        ),
        Figure(
            work="  registrations that failed",
            unit="",
            ours=tuple(float(run.load.created - run.load.successful) for run in rounds),
            must=0.0,
            note=f"of {sum(run.load.created for run in rounds)}",
        ),
    ]


def _round(folder: Path, length_s: float) -> RegisterRun:
    with Server(folder) as server:
        before = quiet_time(server.pid, 5.0)
        load = run_load(
            "register",
            folder=folder,
            to_port=server.port,
            port=server.load_in,
            number=USER,
            rate=RATE,
            total=round(RATE * length_s),
            options=["-au", USER, "-ap", PASSWORD],
        )
        if not load.successful:
            raise StepFailed("no REGISTER succeeded")
        after = quiet_time(server.pid, 5.0)
        return RegisterRun(
            ms_each=1000.0 * after.since(before) / load.successful,
            load=load,
            split=after.split(before, load.successful),
        )

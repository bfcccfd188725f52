"""Calls: CPU of a bridged call, INVITE to BYE, at 200 calls a second, beside Sippy B2BUA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.cpu import TreeTime, quiet_time, tree_time
from bench.figure import Figure
from bench.peer_sippy import Sippy
from bench.plan import Plan
from bench.program import StepFailed, wait_until
from bench.server import Server
from bench.sipp_load import END_S, LoadResult, callee, run_load

RATE = 200
TALK_MS = 1000
FULL_S, QUICK_S = 60.0, 8.0
PEER_FULL_S = 30.0
PEER_RATES = (200, 150, 100, 50, 25)
PEER_RATES_QUICK = (200, 100)
PROBE_S, PROBE_END_S = 6.0, 4.0
RECORDS_S = 30.0
WORK = "one bridged call, INVITE to BYE"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRun:
    """One round: the CPU of all processes, for one call that succeeded."""

    ms_per_call: float
    load: LoadResult
    records_unlike: int
    split: str


def measure_calls(plan: Plan) -> list[Figure]:
    """CPU per call at 200/s of ours and of Sippy, calls that failed, call records that are missing."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    peer_s = min(length_s, PEER_FULL_S)
    ours: list[CallRun] = []
    peer: list[CallRun] = []
    peer_rate, peer_failure = 0, "not asked for"
    while plan.another_round(len(ours), length_s + peer_s + 15.0):
        turn = len(ours)
        ours.append(_our_round(plan.folder / f"calls-{turn}", length_s))
        if not plan.peers or (turn and not peer_rate):
            continue
        try:
            if not turn:
                peer_rate = _rate_of_sippy(plan.folder, PEER_RATES_QUICK if plan.quick else PEER_RATES)
            peer.append(_sippy_round(plan.folder / f"sippy-{turn}", peer_rate, peer_s))
            peer_failure = ""
        except (StepFailed, RuntimeError) as error:
            peer_failure = str(error)
    name = f"Sippy at {peer_rate}/s, signalling only" if peer else ""
    failed = tuple(float(run.load.created - run.load.successful) for run in ours)
    unlike = tuple(float(run.records_unlike) for run in ours)
    resent = sum(run.load.retransmissions for run in ours)
    return [
        Figure(
            work=f"{WORK}, at {RATE}/s for {length_s:g} s: CPU",
            unit="ms",
            ours=tuple(run.ms_per_call for run in ours),
            peer=tuple(run.ms_per_call for run in peer),
            peer_name=name,
            must=2.4,
            aim=1.0,
            note=f"by process, ms: {ours[-1].split}" + (f"; peer not measured: {peer_failure}" if peer_failure else ""),
        ),
        Figure(
            work="  calls that failed",
            unit="calls",
            ours=failed,
            peer=tuple(float(run.load.created - run.load.successful) for run in peer),
            peer_name=name,
            must=0.0,
            note=f"of {sum(run.load.created for run in ours)}; SIPp sent {resent} messages again"
            + next((f"; first: {run.load.first_error}" for run in ours if run.load.failed), ""),
        ),
        Figure(work="  call records missing, too many, not as SIPp counts", unit="calls", ours=unlike, must=0.0),
    ]


def _our_round(folder: Path, length_s: float) -> CallRun:
    with Server(folder) as server, callee(folder, server.load_out):
        before = quiet_time(server.pid, 5.0)
        load = _load(folder, server.port, server.load_in, RATE, length_s)
        wait_until(lambda: server.call_records() >= load.created, RECORDS_S, f"{load.created} call records committed")
        after = quiet_time(server.pid, 5.0)
        unlike = abs(server.call_records() - load.created) + abs(server.answered_records() - load.successful)
        return _call_run(before, after, load, unlike)


def _sippy_round(folder: Path, rate: int, length_s: float, end_s: float = END_S) -> CallRun:
    with Sippy(folder) as sippy, callee(folder, sippy.load_out):
        before = tree_time(sippy.pid)
        load = _load(folder, sippy.port, sippy.load_in, rate, length_s, end_s)
        return _call_run(before, quiet_time(sippy.pid, 5.0), load, 0)


def _rate_of_sippy(folder: Path, rates: tuple[int, ...]) -> int:
    """The highest of the rates at which Sippy fails less than 1 % of the calls, else the lowest of them."""
    for rate in rates[:-1]:
        load = _sippy_round(folder / f"sippy-probe-{rate}", rate, PROBE_S, PROBE_END_S).load
        if load.successful >= 0.99 * load.created:
            return rate
    return rates[-1]


def _load(folder: Path, to_port: int, port: int, rate: int, length_s: float, end_s: float = END_S) -> LoadResult:
    return run_load(
        "caller",
        folder=folder,
        to_port=to_port,
        port=port,
        number="9001",
        rate=rate,
        total=round(rate * length_s),
        options=["-d", str(TALK_MS)],
        end_s=end_s,
    )


def _call_run(before: TreeTime, after: TreeTime, load: LoadResult, records_unlike: int) -> CallRun:
    if not load.successful:
        raise StepFailed("no call succeeded")
    return CallRun(
        ms_per_call=1000.0 * after.since(before) / load.successful,
        load=load,
        records_unlike=records_unlike,
        split=after.split(before, load.successful),
    )

"""API: how long reads take with ten thousand extensions while a hundred calls a second go through."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Final

from bench.configuration import APPLY_S, EXTENSIONS, RATE, TALK_MS, document
from bench.figure import Figure
from bench.plan import Plan
from bench.program import StepFailed
from bench.server import Server
from bench.sipp_load import LoadResult, callee, run_load
from cli.channel import Channel

ASKED: Final = 200
CALM_S: Final = 3.0
LOAD_S: Final = 25.0
READS: Final[dict[str, tuple[tuple[str, ...], dict[str, str | int | None]]]] = {
    "show an extension": (("tenants", "big", "extensions", "20500"), {}),
    "list 100 extensions": (("tenants", "big", "extensions"), {}),
    "list live calls": (("calls",), {"limit": 50}),
    "list 100 call records": (("cdrs",), {}),
    "status": (("status",), {}),
}
"""What is asked: parts of the path, parameters."""
FILTERED: Final[tuple[tuple[str, ...], dict[str, str | int | None]]] = (
    ("tenants", "big", "extensions"),
    {"name": "Desk 77"},
)


def measure_api(plan: Plan) -> list[Figure]:
    """The 99th percentile of each read, calls that failed and the lateness of the loop meanwhile."""
    folder = plan.folder / "api"
    times: dict[str, float] = {}
    with Server(folder) as server, callee(folder, server.load_out):
        channel = Channel(server.data, timeout_s=APPLY_S)
        text = {"documents": [{"name": "big.yaml", "text": document(EXTENSIONS)}]}
        channel.post("configuration", "apply", body=json.dumps(text).encode())
        results: list[LoadResult] = []
        load = threading.Thread(target=lambda: results.append(_load(folder, server)))
        load.start()
        try:
            time.sleep(CALM_S)
            for name, (path, query) in READS.items():
                times[name] = _p99_ms(channel, path, query)
            filtered_ms = _p99_ms(channel, *FILTERED)
            lag = channel.get("status")["loop_lag_ms"]
        finally:
            load.join()
        if not results:
            raise StepFailed("SIPp left no result of the calls")
    (calls,) = results
    failed = calls.created - calls.successful
    return [
        *(
            Figure(work=f"{name}, p99 at {RATE} calls/s", unit="ms", ours=(taken,), must=20.0)
            for name, taken in times.items()
        ),
        Figure(work="  filter them by a part of the name, p99", unit="ms", ours=(filtered_ms,)),
        Figure(work="  loop lag meanwhile, p99", unit="ms", ours=(float(lag["p99"]),), must=20.0),
        Figure(work="  calls that failed meanwhile", unit="calls", ours=(float(failed),), must=0.0,
               note=f"of {calls.created}"),
    ]  # fmt: skip


def _p99_ms(channel: Channel, path: tuple[str, ...], query: dict[str, str | int | None]) -> float:
    """Of ASKED requests, one after the other, each on a connection of its own."""
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        channel.get(*path, **query)
        taken.append(1000.0 * (time.perf_counter() - began))
    return sorted(taken)[ASKED * 99 // 100]


def _load(folder: Path, server: Server) -> LoadResult:
    return run_load(
        "caller",
        folder=folder / "load",
        to_port=server.port,
        port=server.load_in,
        number="9001",
        rate=RATE,
        total=round(RATE * (CALM_S + LOAD_S)),
        options=["-d", str(TALK_MS)],
    )

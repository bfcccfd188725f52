"""API: how long reads take with ten thousand extensions and a million call records, while calls go through."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.configuration import APPLY_S, EXTENSIONS, RATE, TALK_MS, document
from bench.cpu import quiet_time
from bench.figure import Figure
from bench.past_calls import BUSY_NUMBER, COUNT, EVERY_MS, RARE, fill_postgresql, fill_sqlite
from bench.plan import Plan
from bench.program import StepFailed
from bench.server import Server
from bench.sipp_load import LoadResult, callee, run_load
from cli.channel import Channel
from tests.fakes.postgresql import Postgresql

ASKED: Final = 200
ASKED_CALM: Final = 100
CALM_S: Final = 3.0
PACE_S: Final = 0.02
"""Between two reads: they come evenly over the calls, not as fast as can be."""
QUICK_COUNT: Final = 100_000
MUST_MS: Final = 20.0
Query = dict[str, str | int | None]
Read = tuple[tuple[str, ...], Query]
_BIG: Final = ("tenants", "big")


def reads(span: Query) -> dict[str, Read]:
    """What is asked: parts of the path and parameters; `span` is some hours in the middle of the past."""
    extensions, cdrs = (*_BIG, "extensions"), (*_BIG, "cdrs")
    return {
        "show an extension": ((*extensions, "20500"), {}),
        "list 100 extensions": (extensions, {}),
        "list 100 extensions by name": (extensions, {"sort": "-name"}),
        "filter extensions by a part of the name": (extensions, {"name": "Desk 77"}),
        "filter extensions by first digits": (extensions, {"number": "207"}),
        "status": (("status",), {}),
        "list live calls": (("calls",), {"limit": 50}),
        "list 100 ended calls with legs": (("calls",), {"state": "ended"}),
        "list 100 call records": (("cdrs",), {}),
        "list those of a tenant": (cdrs, {}),
        "list those of a span of time": (cdrs, span),
        "list those of a number": (cdrs, {"number": "20500"}),
        "list those of a hotline": (cdrs, {"number": BUSY_NUMBER}),
        "list those of an extension": (cdrs, {"extension": "20500"}),
        "list those of an access number": (cdrs, {"did": "+4930120500"}),
        "list those of a trunk": (cdrs, {"trunk": "carrier-3"}),
        "list those with a result": (cdrs, {"result": "busy"}),
        "list those with a rare reason": (cdrs, {"reason": RARE}),
        "list those with a reason never seen": (cdrs, {"reason": "loop"}),
        "list those of a trunk that failed": (cdrs, {"trunk": "carrier-3", "result": "failed", **span}),
        "list 100 events": (("events",), {}),
        "list versions": (("versions",), {}),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Of one kind of reads: p99 under calls, CPU of all our processes for one without calls."""

    p99_ms: float
    median_ms: float
    cpu_ms: float


def measure_api(plan: Plan) -> list[Figure]:
    """The 99th percentile and the CPU of each read, on SQLite and on PostgreSQL."""
    found = _measure(plan, plan.folder / "api-sqlite", "SQLite", {})
    with closing(Postgresql()) as postgresql:
        url = postgresql.database()
        return found + _measure(
            plan, plan.folder / "api-postgresql", "PostgreSQL", {"CORDBOARD_DATA_DATABASE_URL": url}
        )


def _measure(plan: Plan, folder: Path, database: str, environment: Mapping[str, str]) -> list[Figure]:
    count = QUICK_COUNT if plan.quick else COUNT
    now_ms = time.time_ns() // 1_000_000
    _prepare(folder, environment, now_ms, count)
    middle_ms = now_ms - EVERY_MS * count // 2
    wanted = reads({"since": _time_text(middle_ms), "until": _time_text(middle_ms + 6 * 3_600_000)})
    with Server(folder, environment) as server, callee(folder, server.load_out):
        channel = Channel(server.data, timeout_s=60.0)
        cpu_ms = {name: _cpu_ms(server, channel, *read) for name, read in wanted.items()}
        with _calls(folder, server, len(wanted)) as results:
            time.sleep(CALM_S)
            lag_ms = 0.0
            timed: dict[str, Timed] = {}
            for name, read in wanted.items():
                p99_ms, median_ms = _times_ms(channel, *read)
                timed[name] = Timed(p99_ms=p99_ms, median_ms=median_ms, cpu_ms=cpu_ms[name])
                lag_ms = max(lag_ms, float(channel.get("status")["loop_lag_ms"]["p99"]))
    if not results:
        raise StepFailed("SIPp left no result of the calls")
    failed = results[0].created - results[0].successful
    title = f"{database}, {EXTENSIONS} extensions, {count} call records, {RATE} calls/s:"
    return [
        *(
            Figure(
                work=f"{database}: {name}, p99", unit="ms", ours=(one.p99_ms,), must=MUST_MS,
                note=f"median {one.median_ms:.1f} ms; CPU {one.cpu_ms:.1f} ms",
            )
            for name, one in timed.items()
        ),
        Figure(work="  loop lag meanwhile, p99, the worst", unit="ms", ours=(lag_ms,), must=MUST_MS, note=title),
        Figure(work="  calls that failed meanwhile", unit="calls", ours=(float(failed),), must=0.0,
               note=f"of {results[0].created}"),
    ]  # fmt: skip


def _prepare(folder: Path, environment: Mapping[str, str], now_ms: int, count: int) -> None:
    """A data directory whose database holds the extensions and the past calls."""
    with Server(folder, environment) as server:
        text = {"documents": [{"name": "big.yaml", "text": document(EXTENSIONS)}]}
        Channel(server.data, timeout_s=APPLY_S).post("configuration", "apply", body=json.dumps(text).encode())
        data = server.data
    url = environment.get("CORDBOARD_DATA_DATABASE_URL")
    if url is None:
        fill_sqlite(data / "cordboard.db", now_ms, count)
    else:
        fill_postgresql(url, now_ms, count)


def _cpu_ms(server: Server, channel: Channel, path: tuple[str, ...], query: Query) -> float:
    """CPU of all processes of the server for one read, while nothing else goes on."""
    before = quiet_time(server.pid, 5.0)
    for _ in range(ASKED_CALM):
        channel.text(*path, **query)
    return 1000.0 * quiet_time(server.pid, 5.0).since(before) / ASKED_CALM


def _times_ms(channel: Channel, path: tuple[str, ...], query: Query) -> tuple[float, float]:
    """99th percentile and median of ASKED reads, one after the other, each on a connection of its own."""
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        channel.text(*path, **query)
        taken.append(1000.0 * (time.perf_counter() - began))
        time.sleep(PACE_S)
    taken.sort()
    return taken[ASKED * 99 // 100], taken[ASKED // 2]


@contextmanager
def _calls(folder: Path, server: Server, kinds: int) -> Iterator[list[LoadResult]]:
    """Calls go on from here until all reads are done, and a little longer; the list is filled at the end."""
    results: list[LoadResult] = []
    seconds = CALM_S + kinds * ASKED * (PACE_S + 0.008) + 5.0
    load = threading.Thread(target=lambda: results.append(_load(folder, server, seconds)))
    load.start()
    try:
        yield results
    finally:
        load.join()


def _load(folder: Path, server: Server, seconds: float) -> LoadResult:
    return run_load(
        "caller",
        folder=folder / "load",
        to_port=server.port,
        port=server.load_in,
        number="9001",
        rate=RATE,
        total=round(RATE * seconds),
        options=["-d", str(TALK_MS)],
    )


def _time_text(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))

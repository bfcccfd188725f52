"""Configuration: ten thousand extensions applied, edited and loaded while a hundred calls a second go through."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.figure import Figure
from bench.plan import Plan
from bench.program import StepFailed
from bench.server import Server
from bench.sipp_load import LoadResult, callee, run_load
from cli.channel import Channel
from pbx.configuration import Configuration
from pbx.schema.compile import compile_object, compile_objects
from pbx.schema.loading import parse, validate
from pbx.schema.tree import parse_tree

EXTENSIONS = 10_000
RATE = 100
EDITS = 10
CALM_S = 3.0
APPLY_S = 300.0
TALK_MS = 500


@dataclass(slots=True)
class Run:
    """Seconds and milliseconds of one run."""

    apply_s: float = 0.0
    replace_s: float = 0.0
    edits_s: list[float] = field(default_factory=list)
    lag_p99_ms: float = 0.0
    lag_worst_ms: float = 0.0
    failed: int = 0
    calls: int = 0
    first_error: str = ""
    start_s: float = 0.0


def measure_configuration(plan: Plan) -> list[Figure]:
    """Times of apply, of an edit and of the start; calls that failed and the lateness of the loop meanwhile."""
    folder = plan.folder / "configuration"
    run = _under_load(folder)
    began = time.monotonic()
    with Server(folder):
        run.start_s = time.monotonic() - began
    return [
        Figure(work=f"apply {EXTENSIONS} extensions, at {RATE} calls/s", unit="s", ours=(run.apply_s,), must=10.0),
        Figure(work="  change all of them", unit="s", ours=(run.replace_s,), must=10.0),
        Figure(
            work="  one extension edited, until it is in force",
            unit="s",
            ours=(median(run.edits_s),),
            must=2.0,
            note=f"worst of {len(run.edits_s)}: {max(run.edits_s):.2f} s",
        ),
        Figure(work="  work of the loop for that edit", unit="ms", ours=(_edit_ms(),), must=5.0),
        Figure(
            work="  calls that failed meanwhile",
            unit="calls",
            ours=(float(run.failed),),
            must=0.0,
            note=f"of {run.calls}" + (f"; first: {run.first_error}" if run.failed else ""),
        ),
        Figure(
            work="  loop lag meanwhile, p99",
            unit="ms",
            ours=(run.lag_p99_ms,),
            must=20.0,
            note=f"worst {run.lag_worst_ms:.1f} ms",
        ),
        Figure(work=f"start with {EXTENSIONS} extensions", unit="s", ours=(run.start_s,), must=5.0),
    ]


def _under_load(folder: Path) -> Run:
    run = Run()
    with Server(folder) as server, callee(folder, server.load_out):
        results: list[LoadResult] = []
        over = threading.Event()
        load = threading.Thread(target=lambda: results.append(_load(folder, server)))
        watch = threading.Thread(target=_watch, args=(server.data, run, over))
        load.start()
        watch.start()
        try:
            time.sleep(CALM_S)
            run.apply_s = _apply(server.data, document(EXTENSIONS))
            time.sleep(1.0)
            run.replace_s = _apply(server.data, document(EXTENSIONS, name="Chair"))
            for number in range(EDITS):
                time.sleep(0.5)
                run.edits_s.append(_apply(server.data, document(1, name=f"Edit {number}")))
        finally:
            load.join()
            over.set()
            watch.join()
        if not results:
            raise StepFailed("SIPp left no result of the calls")
        (calls,) = results
        run.calls, run.failed, run.first_error = calls.created, calls.created - calls.successful, calls.first_error
    return run


def _load(folder: Path, server: Server) -> LoadResult:
    seconds = CALM_S + 16.0 + EDITS
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


def _watch(data: Path, run: Run, over: threading.Event) -> None:
    """Look at the loop's lag twice a second: it is told for the last ten."""
    while not over.wait(0.5):
        lag: dict[str, Any] = Channel(data).get("status")["loop_lag_ms"]
        run.lag_p99_ms = max(run.lag_p99_ms, lag["p99"])
        run.lag_worst_ms = max(run.lag_worst_ms, lag["worst"])


def _apply(data: Path, text: str) -> float:
    """Seconds until a document is in force."""
    body = json.dumps({"documents": [{"name": "big.yaml", "text": text}]}).encode()
    began = time.monotonic()
    told = Channel(data, timeout_s=APPLY_S).post("configuration", "apply", body=body)
    took_s = time.monotonic() - began
    if not told["added"] and not told["changed"]:
        raise StepFailed(f"the document changed nothing: {told}")
    return took_s


def document(count: int, name: str = "Desk") -> str:
    """A tenant with so many extensions, each with a phone."""
    rows = "".join(
        f'      - {{number: "{20_000 + number}", name: {name} {number}, '
        f"devices: [{{password: a-long-password-{number}}}]}}\n"
        for number in range(count)
    )
    return f"tenants:\n  - key: big\n    domain: big.example\n    extensions:\n{rows}"


def _edit_ms() -> float:
    """What the loop of `control` does for an edit of one row: its draft and the swap; the median of several."""
    whole, _ = validate([parse_tree(document(EXTENSIONS), "big.yaml")])
    if whole is None:
        raise StepFailed("the document is not right")
    edited, _ = parse([parse_tree(document(1, name="Edited"), "big.yaml")])
    assert edited is not None
    key = next(key for key in edited.objects if key.kind == "extension")
    configuration = Configuration(compile_objects(whole.objects))
    row = compile_object({**whole.objects, key: edited.objects[key]}, key)
    times = []
    for _ in range(EDITS):
        began = time.perf_counter()
        draft = configuration.draft()
        draft.take(row)
        configuration.swap(draft.finish("1"))
        times.append(time.perf_counter() - began)
    return 1000.0 * median(times)

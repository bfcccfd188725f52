"""`make bench`: measures every work, ours beside peers, prints the table, writes JSON to bench/out/.

`python -m bench [--only NAME ...] [--rounds N] [--seconds S] [--quick] [--no-peers]`
"""

from __future__ import annotations

import argparse
import gc
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench.api import measure_api
from bench.audio_table import measure_audio
from bench.calls import measure_calls
from bench.certificates import measure_certificates
from bench.configuration import measure_configuration
from bench.cpu import machine_time
from bench.figure import Figure
from bench.flood import measure_flood
from bench.latency import measure_latency
from bench.memory import measure_memory
from bench.mixing import measure_mixing
from bench.outage import measure_outage
from bench.overload import measure_overload
from bench.plan import Plan
from bench.prompt_calls import measure_prompt
from bench.registers import measure_registers
from bench.report import Machine, Step, machine, table, write_json
from bench.talk import measure_talk

OUT = Path(__file__).resolve().parent / "out"
WORKS: dict[str, Callable[[Plan], list[Figure]]] = {
    "calls": measure_calls,
    "registers": measure_registers,
    "relay": measure_talk,
    "latency": measure_latency,
    "memory": measure_memory,
    "prompt": measure_prompt,
    "overload": measure_overload,
    "certificates": measure_certificates,
    "configuration": measure_configuration,
    "api": measure_api,
    "outage": measure_outage,
    "audio": measure_audio,
    "mixing": measure_mixing,
    "flood": measure_flood,
}
ON_REQUEST = frozenset({"overload", "certificates", "configuration", "api", "outage", "audio", "mixing", "flood"})
"""Works that say how the server bears what it cannot serve, and how it sounds; measured when they are named."""
FULL_LIMIT_S, QUICK_LIMIT_S = 690.0, 110.0
"""Past this, works still to come measure one round each."""


def main(arguments: list[str]) -> int:
    """0 when every work was measured and nothing missed what it must; 1 otherwise."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    about, begun = machine(), time.monotonic()
    print(f"{about.line()}\n", flush=True)
    scratch = Path(tempfile.mkdtemp(prefix="cordboard-bench-"))
    plan = Plan(
        rounds=options.rounds or (1 if options.quick else 3),
        seconds=options.seconds,
        quick=options.quick,
        folder=scratch,
        deadline=begun + (QUICK_LIMIT_S if options.quick else FULL_LIMIT_S),
        peers=options.peers,
    )
    wanted = options.only or [name for name in WORKS if name not in ON_REQUEST]
    steps: list[Step] = []
    try:
        for name in wanted:
            steps.append(_step(name, plan))
    except KeyboardInterrupt:
        print("\ninterrupted: what follows is not complete", flush=True)
    failed = any(figure.verdict in ("FAILED", "MISSED") for step in steps for figure in step.figures)
    _finish(about, steps, plan, time.monotonic() - begun)
    if any(figure.failure for step in steps for figure in step.figures):
        print(f"logs of what failed: {scratch}")
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed or len(steps) < len(wanted) else 0


def _step(name: str, plan: Plan) -> Step:
    """Measure one work; whatever goes wrong in it is its figure, and the next goes on."""
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    begun, before = time.monotonic(), machine_time()
    gc.collect()
    gc.disable()  # A pause of ours would look like one of the server's.
    try:
        figures = WORKS[name](plan)
    except Exception as error:
        figures = [Figure(work=name, unit="", failure=f"{type(error).__name__}: {error}")]
    finally:
        gc.enable()
    print(f"{table(figures)}\n", file=sys.stderr, flush=True)
    after = machine_time()
    return Step(
        name=name,
        figures=tuple(figures),
        seconds=time.monotonic() - begun,
        others_percent=before.others_percent(after),
        stolen_percent=before.stolen_percent(after),
    )


def _finish(about: Machine, steps: list[Step], plan: Plan, seconds: float) -> None:
    figures = [figure for step in steps for figure in step.figures]
    print(table(figures))
    others = ", ".join(f"{step.name} {step.others_percent:.0f} + {step.stolen_percent:.1f}" for step in steps)
    print(f"\nMedian of up to {plan.rounds} rounds; ratio = peer / ours; * published, not measured here.")
    print("CPU of all processes of a program. Percent of the machine that programs of others used + its host took")
    print(f"meanwhile: {others}. Above a few percent, delays and losses are not the server's alone.")
    path = OUT / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    write_json(path, about, steps, plan.rounds, seconds)
    print(f"{seconds:.0f} s; {path.relative_to(OUT.parent.parent)}")


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the server beside its peers.")
    parser.add_argument("--only", action="append", choices=sorted(WORKS), help="this work alone (may be repeated)")
    parser.add_argument("--rounds", type=int, help="rounds of each work; the median counts (3, quick: 1)")
    parser.add_argument("--seconds", type=float, help="length of every round (each work has its own)")
    parser.add_argument("--quick", action="store_true", help="one short round of everything, under two minutes")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="ours alone")
    return parser.parse_args(arguments)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

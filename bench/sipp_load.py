"""SIPp: the load generator, with the scenarios of `bench/sipp/`, and what it counted."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from bench.program import Program, StepFailed, wait_until
from bench.udp_port import HOST, is_bound

SCENARIOS = Path(__file__).resolve().parent / "sipp"
END_S = 40.0
"""How long after the last call may begin SIPp waits for those that are under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What a SIPp client counted, over the whole run."""

    created: int
    successful: int
    failed: int
    retransmissions: int
    first_error: str


def callee(folder: Path, port: int) -> Program:
    """SIPp answering calls on a port, listening when this returns. Raises StepFailed."""
    program = _sipp("sipp-callee", folder, ["-sf", str(SCENARIOS / "callee.xml"), "-i", HOST, "-p", str(port)])
    wait_until(lambda: is_bound(port), 10.0, f"SIPp listens on port {port}")
    return program


def run_load(
    scenario: str,
    *,
    folder: Path,
    to_port: int,
    port: int,
    number: str,
    rate: int,
    total: int,
    options: list[str],
    end_s: float = END_S,
) -> LoadResult:
    """Play a scenario `total` times at `rate` a second and wait for the last. Raises StepFailed without statistics.

    Calls that fail, or are not over after another `end_s`, are counted, not raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    statistics, errors = folder / f"{scenario}.csv", folder / f"{scenario}-errors.log"
    limit_s = total / rate + end_s
    command = [
        f"{HOST}:{to_port}", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", number,
        "-i", HOST, "-p", str(port), "-r", str(rate), "-m", str(total), "-l", str(total),
        "-timeout", f"{limit_s:.0f}s", "-trace_stat", "-stf", str(statistics), "-fd", "5",
        "-trace_err", "-error_file", str(errors), *options,
    ]  # fmt: skip
    with _sipp(f"sipp-{scenario}", folder, command) as program:
        program.wait(limit_s + 15.0)
    return _result(statistics, errors, program)


def _sipp(name: str, folder: Path, arguments: list[str]) -> Program:
    return Program(name, ["sipp", *arguments, "-nostdin", "-buff_size", "2000000"], folder)


def _result(statistics: Path, errors: Path, program: Program) -> LoadResult:
    """The last line of SIPp's statistics file."""
    try:
        with statistics.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        last = rows[-1]
        return LoadResult(
            created=int(last["TotalCallCreated"]),
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            first_error=_first_error(errors),
        )
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise StepFailed(f"SIPp left no statistics in {statistics} ({error!r}): {program.log()[-800:]}") from error


def _first_error(errors: Path) -> str:
    """What SIPp expected and got at the first call that failed: its own words, and the Reason header."""
    text = errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""
    lines = text.splitlines()[1:]
    reason = next((line for line in lines if line.startswith("Reason:")), "")
    return f"{lines[0].rpartition('while ')[2]} {reason}".strip() if lines else ""

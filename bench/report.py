"""Report: the table that people read and the JSON that programs read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figure import Figure

HEADINGS = ("work", "ours", "peer", "ratio", "must", "verdict")
LONGEST_NOTE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and beside what was measured."""

    model: str
    cores: int
    kernel: str
    python: str
    load_before: float

    def line(self) -> str:
        return (
            f"{self.model}, {self.cores} cores, Linux {self.kernel}, Python {self.python}; "
            f"load average before the run {self.load_before:.2f}"
        )


def machine() -> Machine:
    """This machine, now."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return Machine(
        model=model,
        cores=os.cpu_count() or 1,
        kernel=platform.release(),
        python=platform.python_version(),
        load_before=os.getloadavg()[0],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one work gave; meanwhile programs of others used so much of the machine, and its host took so much."""

    name: str
    figures: tuple[Figure, ...]
    seconds: float
    others_percent: float
    stolen_percent: float


def table(figures: Sequence[Figure]) -> str:
    """Aligned rows, the notes below the row they belong to."""
    rows = [HEADINGS, *(_cells(one) for one in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths), "-" * (sum(widths) + 2 * len(widths))]
    for figure, row in zip(figures, rows[1:], strict=True):
        lines.append(_line(row, widths))
        lines += [f"      {note}" for note in _notes(figure)]
    return "\n".join(lines)


def write_json(path: Path, about: Machine, steps: Sequence[Step], rounds: int, seconds: float) -> None:
    """One document for the whole run."""
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about.line(),
        "load_before": about.load_before,
        "rounds": rounds,
        "seconds": round(seconds, 1),
        "steps": [
            {
                "name": step.name,
                "seconds": round(step.seconds, 1),
                "others_percent": round(step.others_percent, 2),
                "stolen_percent": round(step.stolen_percent, 2),
                "figures": [figure.as_json() for figure in step.figures],
            }
            for step in steps
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    mark = "*" if figure.published else ""
    return (
        figure.work,
        _value(figure.our_median, figure.unit),
        _value(figure.peer_median, figure.unit) + mark if figure.peer else "-",
        f"{ratio:.2f}" if ratio is not None else "-",
        _value(figure.must, figure.unit) if figure.must is not None else "-",
        figure.verdict or "-",
    )


def _notes(figure: Figure) -> list[str]:
    notes = [f"{'* ' if figure.published else ''}peer: {figure.peer_name}"] if figure.peer_name else []
    if len(figure.ours) > 1 and len(set(figure.ours)) > 1:
        notes.append("rounds: " + ", ".join(_value(one, "") for one in figure.ours))
    notes += [text for text in (figure.note, figure.failure) if text]
    return [" ".join(note.split())[:LONGEST_NOTE] for note in notes]


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = "0" if value == 0 else f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"
    return f"{digits} {unit}".rstrip()


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    return "  ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))])

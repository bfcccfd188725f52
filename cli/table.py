"""Table: rows for people, columns as wide as they must be."""

from __future__ import annotations

from collections.abc import Sequence

Cell = str | int | float | None


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Text with one line per row; numbers to the right, `-` for what is not known."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [heads, *texts]) for column in range(len(heads))]
    numbers = [
        bool(rows) and all(isinstance(row[column], int | float | None) for row in rows) for column in range(len(heads))
    ]
    lines = [_line(heads, widths, numbers), *(_line(line, widths, numbers) for line in texts)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> str:
    parts = [
        cell.rjust(width) if number else cell.ljust(width)
        for cell, width, number in zip(cells, widths, numbers, strict=True)
    ]
    return "  ".join(parts).rstrip()


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    # A name comes from outside: no control character of it reaches the terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in str(cell))


def duration(seconds: int) -> str:
    """`42 s`, `3 min 05 s`, `2 h 05 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"

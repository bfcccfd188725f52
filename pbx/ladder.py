"""Ladder: a conversation as text, one column per party, time downwards; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SPACING = 34
"""Characters from one party's line to the next."""
_TIMES = f"{'time':>9} {'gap':>8}  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A column; `where` is printed below the name."""

    name: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A message between two columns (numbers from 0, left to right); `note` stands to the right of the ladder."""

    at_s: float
    source: int
    target: int
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something that happened inside a party."""

    at_s: float
    party: int
    text: str


def draw(parties: Sequence[Party], rows: Sequence[Arrow | Remark]) -> list[str]:
    """The lines of the ladder: times in seconds after the first row, and after the row before."""
    lines = [(_TIMES + _heads([one.name for one in parties])).rstrip()]
    if any(one.where for one in parties):
        lines.append((" " * len(_TIMES) + _heads([one.where for one in parties])).rstrip())
    first_s = before_s = rows[0].at_s if rows else 0.0
    for row in rows:
        body = _arrow(row, len(parties)) if isinstance(row, Arrow) else _remark(row, len(parties))
        lines.append(f"{row.at_s - first_s:9.3f} {row.at_s - before_s:+8.3f}  {body}".rstrip())
        before_s = row.at_s
    return lines


def _heads(texts: Sequence[str]) -> str:
    """Each text begins at its column; one that is too long is cut."""
    return "".join(f"{text[: SPACING - 1]:<{SPACING}}" for text in texts)


def _place(party: int) -> int:
    return party * SPACING


def _canvas(parties: int) -> list[str]:
    canvas = [" "] * (_place(parties - 1) + 1)
    for party in range(parties):
        canvas[_place(party)] = "|"
    return canvas


def _arrow(row: Arrow, parties: int) -> str:
    canvas = _canvas(parties)
    left, right = sorted((_place(row.source), _place(row.target)))
    canvas[left + 1 : right] = "-" * (right - left - 1)
    room = right - left - 6
    label = row.label if len(row.label) <= room else f"{row.label[: room - 3]}..."
    begin = left + 3 + (0 if row.source < row.target else 1)
    canvas[begin : begin + len(label) + 2] = f" {label} "
    if row.source < row.target:
        canvas[right - 1] = ">"
    else:
        canvas[left + 1] = "<"
    return f"{''.join(canvas)}  {row.note}"


def _remark(row: Remark, parties: int) -> str:
    place = _place(row.party)
    head = "".join(_canvas(parties)[:place])
    return f"{head}* {row.text}"

"""What goes over the channel of the records process: requests by name, records as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from pbx.cdr import Cdr, LegRecord

DATABASE_VARIABLE: Final = "CORDBOARD_DATA_DATABASE_URL"
"""By this the process learns of its database: other users cannot read it, as they can a command line."""
CALL_FIELDS: Final = tuple(field.name for field in fields(Cdr) if field.name != "legs")
LEG_FIELDS: Final = tuple(field.name for field in fields(LegRecord))
_call_row: Final[Callable[[Cdr], tuple[Any, ...]]] = attrgetter(*CALL_FIELDS)
_leg_row: Final[Callable[[LegRecord], tuple[Any, ...]]] = attrgetter(*LEG_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsStatus:
    """How the records process does: last event committed, calls open, what it had to leave out."""

    seq: int
    open_calls: int
    damaged_bytes: int
    missing_events: int
    skipped_events: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedText:
    """One SIP message of the trace, to be read by people; `at` is UTC, `way` in or out."""

    at: str
    way: str
    transport: str
    local: str
    remote: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The course of a call: the lines of its ladder, and its messages; `cut`: some were too many."""

    ladder: tuple[str, ...]
    messages: tuple[TracedText, ...]
    cut: bool

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Explanation:
        """Read what `pbx.records.explain` gave."""
        ladder, rows, cut = wire
        names = TracedText.__slots__
        messages = tuple(TracedText(**dict(zip(names, row, strict=True))) for row in rows)
        return cls(ladder=tuple(ladder), messages=messages, cut=cut)


def cdr_to_wire(cdr: Cdr) -> list[Any]:
    """A call record as plain data."""
    return [list(_call_row(cdr)), [list(_leg_row(leg)) for leg in cdr.legs]]


def cdr_from_wire(wire: list[Any]) -> Cdr:
    """The record that `cdr_to_wire` wrote."""
    call, legs = wire
    rows = tuple(LegRecord(**dict(zip(LEG_FIELDS, leg, strict=True))) for leg in legs)
    return Cdr(**dict(zip(CALL_FIELDS, call, strict=True)), legs=rows)

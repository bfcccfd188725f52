"""Figure: one measured value of ours, beside a peer's and beside what it must be."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table; the less the better, always.

    `ours` and `peer` are one value per round; the median counts. `must` is the most that ours may be, `aim` what it
    should be. `published` names a peer's value that was not measured in this run. `failure` says why there is none.
    """

    work: str
    unit: str
    ours: tuple[float, ...] = ()
    peer: tuple[float, ...] = ()
    peer_name: str = ""
    published: bool = False
    must: float | None = None
    aim: float | None = None
    note: str = ""
    failure: str = ""

    @property
    def our_median(self) -> float | None:
        return median(self.ours) if self.ours else None

    @property
    def peer_median(self) -> float | None:
        return median(self.peer) if self.peer else None

    @property
    def ratio(self) -> float | None:
        """How many times more the peer needs than we do."""
        ours, peer = self.our_median, self.peer_median
        return peer / ours if ours and peer is not None else None

    @property
    def verdict(self) -> str:
        """`FAILED`, `MISSED`, `ok`, `aim` (even the aim is met), or nothing where nothing is asked."""
        value = self.our_median
        if self.failure or value is None:
            return "FAILED"
        if self.must is None:
            return ""
        if value > self.must:
            return "MISSED"
        return "aim" if self.aim is not None and value <= self.aim else "ok"

    def as_json(self) -> dict[str, object]:
        """Plain data for the JSON file."""
        return {
            "work": self.work,
            "unit": self.unit,
            "ours": self.our_median,
            "ours_rounds": list(self.ours),
            "peer": self.peer_median,
            "peer_rounds": list(self.peer),
            "peer_name": self.peer_name,
            "peer_published": self.published,
            "ratio": self.ratio,
            "must": self.must,
            "aim": self.aim,
            "verdict": self.verdict,
            "note": self.note,
            "failure": self.failure,
        }

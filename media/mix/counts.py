"""Counts: what became of a stream's packets in the jitter buffer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PlayoutCounts:
    """What became of the packets; times in ms of sound."""

    late: int = 0
    duplicate: int = 0
    recovered: int = 0
    concealed_ms: int = 0
    inserted_ms: int = 0
    removed_ms: int = 0
    bad: int = 0
    faults: int = 0
    """Errors of ours with this member's sound."""

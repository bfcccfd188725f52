"""Recording row: what is kept of one recording beside its audio file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A row; times are UTC, `legs` and `faults` JSON texts, `file` is relative to the folder of the recordings."""

    id: str
    call_id: str
    tenant: str
    state: str
    began_at_ms: int
    duration_ms: int
    format: str
    rate_hz: int
    size_bytes: int
    sha256: str
    file: str
    legs: str
    faults: str

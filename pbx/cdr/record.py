"""The call detail record and its legs, as they are stored and shown.

Times `*_at_ms` are UTC milliseconds since 1970, None where the thing never happened; durations `*_ms`
are milliseconds and never negative. `total_ms == ring_ms + talk_ms + other_ms` always holds; `hold_*` count what
the far ends asked for, which is part of the talk.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRecord:
    """One leg of a call. `position` counts from 1 in order of birth; `state` is its last state."""

    call_id: str
    position: int
    leg_id: str
    kind: str
    direction: str
    number: str | None
    device: str | None
    trunk: str | None
    sip_call_id: str | None
    address: str | None
    state: str
    start_at_ms: int
    ring_at_ms: int | None
    answer_at_ms: int | None
    end_at_ms: int | None
    reason: str | None
    hangup_party: str | None
    sip_code: int | None
    sip_text: str | None
    q850: int | None
    codec: str | None
    early_media: bool
    packets_in: int | None
    packets_out: int | None
    lost_in: int | None
    far_lost: int | None
    jitter_ms: float | None
    rtt_ms: float | None
    mos: float | None
    latched: str | None
    hold_count: int
    hold_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """One call. Quality columns are those of the call's worst leg; `codec` is the caller's."""

    call_id: str
    tenant: str | None
    node: str | None
    sip_call_id: str | None
    direction: str
    call_type: str
    device: str | None
    extension: str | None
    source: str | None
    caller_original: str | None
    caller_name_original: str | None
    called_original: str | None
    called_final: str | None
    did: str | None
    trunk: str | None
    start_at_ms: int
    offered_at_ms: int | None
    ring_at_ms: int | None
    answer_at_ms: int | None
    end_at_ms: int
    total_ms: int
    ring_ms: int
    talk_ms: int
    other_ms: int
    hold_count: int
    hold_ms: int
    post_dial_delay_ms: int | None
    result: str
    reason: str
    hangup_party: str | None
    sip_code: int | None
    sip_text: str | None
    q850: int | None
    destination_type: str | None
    destination: str | None
    codec: str | None
    loss_pct: float | None
    jitter_ms: float | None
    rtt_ms: float | None
    mos: float | None
    legs: tuple[LegRecord, ...]

"""Explain: what the records process knows of one call's course: its ladder, and its messages as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pbx.events import CallCreated, Envelope, LegStarted
from pbx.trace.block import TracedMessage
from pbx.trace.search import search
from pbx.trace.story import tell
from sip.flow import print_address

# The challenge to a call's first INVITE comes before the call; late retransmissions after it (RFC 3261 §17: 64*T1).
_BEFORE_NS: Final = 5_000_000_000
_AFTER_NS: Final = 35_000_000_000
_MOST_TEXT: Final = 4 << 20


def explain(events: Sequence[Envelope], trace: Path, *, messages: bool) -> list[Any]:
    """`[ladder lines, messages as rows, whether some were left out]` of a call with these events.

    A row: UTC time as text, "in" or "out", transport, local and remote address, the message.
    """
    call_ids = {one.event.sip_call_id for one in events if isinstance(one.event, CallCreated | LegStarted)} - {None}
    found = search(
        trace,
        [one for one in call_ids if one is not None],
        events[0].at_ns - _BEFORE_NS,
        events[-1].at_ns + _AFTER_NS,
    )
    ladder = tell(found.messages, events)
    if not found.messages:
        ladder.append("No message of this call is in the trace: it is off, was full, or the call is older than 72 h.")
    if found.cut:
        ladder.append(f"There are more than {len(found.messages)} messages; these are the first.")
    rows, cut = _rows(found.messages) if messages else ([], False)
    return [ladder, rows, found.cut or cut]


def _rows(messages: Sequence[TracedMessage]) -> tuple[list[list[str]], bool]:
    rows: list[list[str]] = []
    left = _MOST_TEXT
    for one in messages:
        left -= len(one.data)
        if left < 0:
            return rows, True
        at = datetime.fromtimestamp(one.at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
        text = one.data.decode("utf-8", "replace")
        rows.append([at, one.way, one.transport, print_address(one.local), print_address(one.remote), text])
    return rows, False

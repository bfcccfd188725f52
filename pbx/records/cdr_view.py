"""CDR view: call records as the API shows them, one by one and as pages of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from pbx.cdr import Cdr, LegRecord
from pbx.store.tables import CALLS

Json = dict[str, Any]


def _shown_name(column: str) -> str:
    return "id" if column in ("call_id", "leg_id") else column.removesuffix("_ms") if _is_time(column) else column


def _is_time(column: str) -> bool:
    return column.endswith("_at_ms")


_CALL: Final = tuple((one.name, _shown_name(one.name), _is_time(one.name)) for one in fields(Cdr) if one.name != "legs")
_LEG: Final = tuple(
    (one.name, _shown_name(one.name), _is_time(one.name)) for one in fields(LegRecord) if one.name != "call_id"
)
_ROW: Final = tuple(_shown_name(one.name) for one in CALLS.c)
_ROW_TIMES: Final = tuple(_shown_name(one.name) for one in CALLS.c if _is_time(one.name))


def time_text(at_ms: int | None) -> str | None:
    """UTC milliseconds as ISO 8601 text."""
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def cdr_view(cdr: Cdr) -> Json:
    """A record without its legs: times as text, lengths in milliseconds."""
    return _plain(cdr, _CALL)


def leg_view(leg: LegRecord) -> Json:
    """A leg of a record."""
    return _plain(leg, _LEG)


def _plain(record: Cdr | LegRecord, names: Sequence[tuple[str, str, bool]]) -> Json:
    return {
        shown: time_text(getattr(record, name)) if is_time else getattr(record, name) for name, shown, is_time in names
    }


def cdr_page(rows: Sequence[Sequence[Any]], limit: int) -> bytes:
    """Rows of `calls`, in the order of its columns, as a page: the JSON `{"items": [...], "next": ...}`."""
    items = [dict(zip(_ROW, row, strict=True)) for row in rows]
    for item in items:
        for name in _ROW_TIMES:
            item[name] = time_text(item[name])
    following = items[-1]["id"] if len(items) == limit else None
    return json.dumps({"items": items, "next": following}).encode()


def ended_page(calls: Sequence[tuple[Any, Sequence[Any]]], limit: int) -> bytes:
    """Calls that are over, each a record or a row of `calls` with its legs, as a page."""
    following = calls[-1][0].call_id if len(calls) == limit else None
    items = [ended_call(cdr, legs) for cdr, legs in calls]
    return json.dumps({"items": items, "next": following, "total": None}).encode()


def ended_call(cdr: Any, legs: Sequence[Any]) -> Json:
    """A call that is over, in the form of one that is live; from a record or from rows with the same names."""
    return {
        "id": cdr.call_id,
        "tenant": cdr.tenant,
        "direction": cdr.direction,
        "from": cdr.caller_original,
        "from_name": cdr.caller_name_original,
        "to": cdr.called_original,
        "state": "ended",
        "since": time_text(cdr.start_at_ms),
        "ended": time_text(cdr.end_at_ms),
        "seconds": cdr.total_ms // 1000,
        "talk_seconds": cdr.talk_ms // 1000,
        "result": cdr.result,
        "reason": cdr.reason,
        "hangup_party": cdr.hangup_party,
        "sip_code": cdr.sip_code,
        "q850": cdr.q850,
        "legs": [_ended_leg(leg) for leg in legs],
    }


def _ended_leg(leg: Any) -> Json:
    return {
        "id": leg.leg_id,
        "kind": leg.kind,
        "direction": leg.direction,
        "number": leg.number,
        "device": leg.device,
        "trunk": leg.trunk,
        "state": leg.state,
        "codec": leg.codec,
        "held": False,
        "reason": leg.reason,
    }

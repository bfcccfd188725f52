"""Past calls: a million call records with their legs, put into a database before the server is measured with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg

from pbx.store.tables import CALLS, LEGS
from pbx.ulid import UlidFactory

COUNT: Final = 1_000_000
EVERY_MS: Final = 2_000
BUSY_NUMBER: Final = "9000"
"""A hotline: every tenth call goes there."""
RARE: Final = "system_error"
"""A reason that one call in 50,000 ends with."""
_BATCH: Final = 20_000
_CALL: Final = tuple(CALLS.c.keys())
_LEG: Final = tuple(LEGS.c.keys())
_ENDS: Final = (("answered", "normal"),) * 14 + (
    ("missed", "no_answer"), ("missed", "no_answer"), ("abandoned", "caller_cancelled"),
    ("busy", "busy"), ("failed", "carrier_error"),
)  # fmt: skip
Row = tuple[Any, ...]


def past_calls(until_ms: int, count: int = COUNT) -> Iterator[tuple[Row, list[Row]]]:
    """Calls before a time (UTC), oldest first: the row of each, and those of its two legs."""
    rng = Random(1)
    ids = UlidFactory(rng)
    for number in range(count):
        at_ms = until_ms - (count - number) * EVERY_MS
        call_id = ids.new(at_ms)
        result, reason = ("failed", RARE) if number % 50_000 == 7 else rng.choice(_ENDS)
        talked = result == "answered"
        caller, called = str(rng.randrange(20_000, 30_000)), str(rng.randrange(20_000, 30_000))
        inbound = number % 3 == 0
        end_ms = at_ms + 5_000 + 60_000 * talked
        values: dict[str, Any] = dict.fromkeys(_CALL)
        values |= {
            "call_id": call_id, "tenant": "big" if number % 20 else f"small-{number % 400}", "node": "n1",
            "sip_call_id": f"{number}-a1b2c3d4@192.0.2.7", "direction": "inbound" if inbound else "internal",
            "call_type": "voice", "device": None if inbound else caller, "extension": None if inbound else caller,
            "caller_original": f"+4930{number % 900_000 + 100_000}" if inbound else caller,
            "called_original": BUSY_NUMBER if number % 10 == 0 else called, "called_final": called,
            "did": f"+49301{called}" if inbound else None, "trunk": f"carrier-{number % 7}" if inbound else None,
            "start_at_ms": at_ms, "offered_at_ms": at_ms + 10, "ring_at_ms": at_ms + 90,
            "answer_at_ms": at_ms + 5_000 if talked else None, "end_at_ms": end_ms, "total_ms": end_ms - at_ms,
            "ring_ms": 4_910, "talk_ms": 60_000 * talked, "other_ms": 90, "hold_count": 0, "hold_ms": 0,
            "post_dial_delay_ms": 90, "result": result, "reason": reason, "hangup_party": "caller", "sip_code": 200,
            "sip_text": "OK", "q850": 16, "destination_type": "extension", "destination": called, "codec": "PCMA",
            "loss_pct": 0.1, "jitter_ms": 1.5, "rtt_ms": 20.0, "mos": 4.3,
        }  # fmt: skip
        legs = []
        for position, name in enumerate((caller, called)):
            leg: dict[str, Any] = dict.fromkeys(_LEG)
            leg |= {
                "call_id": call_id, "position": position, "leg_id": f"{number}-{position}", "kind": "device",
                "direction": "out" if position else "in", "number": name, "device": name, "state": "down",
                "start_at_ms": at_ms, "end_at_ms": end_ms, "reason": reason, "codec": "PCMA", "early_media": False,
                "packets_in": 3000, "packets_out": 3000, "hold_count": 0, "hold_ms": 0,
            }  # fmt: skip
            legs.append(tuple(leg.values()))
        yield tuple(values.values()), legs


def fill_sqlite(path: Path, until_ms: int, count: int = COUNT) -> None:
    """Put them into a database file that the server has made and nobody uses."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for calls, legs in _batches(until_ms, count):
            connection.executemany(f"INSERT INTO calls VALUES ({', '.join('?' * len(_CALL))})", calls)
            connection.executemany(f"INSERT INTO legs VALUES ({', '.join('?' * len(_LEG))})", legs)
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill_postgresql(url: str, until_ms: int, count: int = COUNT) -> None:
    """Put them into a PostgreSQL database that the server has made."""
    with psycopg.connect(url) as connection:
        for calls, legs in _batches(until_ms, count):
            for table, names, rows in (("calls", _CALL, calls), ("legs", _LEG, legs)):
                columns = ", ".join(names)
                with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
                    for row in rows:
                        copy.write_row(row)
            connection.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        # As it would be after days of service: autovacuum comes by once a minute.
        connection.execute(b"VACUUM ANALYZE calls")
        connection.execute(b"VACUUM ANALYZE legs")


def _batches(until_ms: int, count: int) -> Iterator[tuple[list[Row], list[Row]]]:
    made = past_calls(until_ms, count)
    while found := list(islice(made, _BATCH)):
        yield [call for call, _ in found], _flat(legs for _, legs in found)


def _flat(rows: Iterable[list[Row]]) -> list[Row]:
    return [one for some in rows for one in some]

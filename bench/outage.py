"""Outage: the database server is stopped for a minute under calls; what becomes of them, of records and of changes."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg

from bench.configuration import RATE, TALK_MS, document
from bench.figure import Figure
from bench.plan import Plan
from bench.program import StepFailed, wait_until
from bench.server import Server
from bench.sipp_load import LoadResult, callee, run_load
from cli.channel import Channel, Json, Refused
from tests.fakes.postgresql import Postgresql

BEFORE_S: Final = 10.0
FULL_S, QUICK_S = 60.0, 10.0
AFTER_S: Final = 10.0
RECORDS_S: Final = 120.0
ASK_EVERY_S: Final = 2.0
READS: Final = (("tenants",), ("calls",), ("status",))
"""What is answered from memory."""


def measure_outage(plan: Plan) -> list[Figure]:
    """Calls that failed, records missing or doubled, changes that were taken or refused without saying why."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    folder = plan.folder / "outage"
    with closing(Postgresql()) as postgresql:
        url = postgresql.database()
        environment = {"CORDBOARD_DATA_DATABASE_URL": url}
        with Server(folder, environment) as server, callee(folder, server.load_out):
            results: list[LoadResult] = []
            seconds = BEFORE_S + length_s + AFTER_S
            load = threading.Thread(target=lambda: results.append(_load(folder, server, seconds)))
            load.start()
            try:
                time.sleep(BEFORE_S)
                postgresql.stop()
                stopped = time.monotonic()
                wrong, slowest_s, lag_ms = _ask(server, stopped + length_s)
                postgresql.start()
                back = time.monotonic()
                changed_s = _first_change_s(server)
            finally:
                load.join()
            if not results:
                raise StepFailed("SIPp left no result of the calls")
            (calls,) = results
            wait_until(lambda: _count(url, "*") >= calls.created, RECORDS_S, f"{calls.created} call records")
            found, distinct = _count(url, "*"), _count(url, "DISTINCT sip_call_id")
            answered = _count(url, "answer_at_ms")
    unlike = abs(found - calls.created) + abs(answered - calls.successful)
    return [
        Figure(work=f"database away for {length_s:g} s at {RATE} calls/s: calls that failed", unit="calls",
               ours=(float(calls.created - calls.successful),), must=0.0,
               note=f"of {calls.created}; SIPp sent {calls.retransmissions} messages again"),
        Figure(work="  call records missing, too many, not as SIPp counts", unit="calls", ours=(float(unlike),),
               must=0.0),
        Figure(work="  calls with two records", unit="calls", ours=(float(found - distinct),), must=0.0),
        Figure(work="  changes not refused as they should, reads refused", unit="", ours=(float(len(wrong)),),
               must=0.0, note="; ".join(wrong[:3])),
        Figure(work="  the slowest refusal", unit="s", ours=(slowest_s,), must=6.0),
        Figure(work="  loop lag meanwhile, p99, the worst", unit="ms", ours=(lag_ms,), must=20.0),
        Figure(work="  after its return: first change taken", unit="s", ours=(changed_s,), must=15.0,
               note=f"all records in, {time.monotonic() - back:.0f} s after its return at the latest"),
    ]  # fmt: skip


def _ask(server: Server, until: float) -> tuple[list[str], float, float]:
    """Changes and reads while the database is away: what was not as it should be, the slowest refusal, loop lag."""
    channel, wrong, slowest_s, lag_ms = Channel(server.data), [], 0.0, 0.0
    while time.monotonic() < until:
        for words, body in (
            (("configuration", "apply"), {"documents": [{"name": "new.yaml", "text": document(1)}]}),
            (("tenants",), {"key": "new", "domain": "new.example"}),
        ):
            began = time.monotonic()
            said = _refusal(channel, words, body)
            slowest_s = max(slowest_s, time.monotonic() - began)
            if said is None or "the database does not answer" not in said or "calls go on" not in said:
                wrong.append(f"{'/'.join(words)}: {said or 'taken'}")
        for path in READS:
            try:
                channel.get(*path)
            except Refused as error:
                wrong.append(f"{path[0]}: {error}")
        lag_ms = max(lag_ms, float(channel.get("status")["loop_lag_ms"]["p99"]))
        time.sleep(ASK_EVERY_S)
    return wrong, slowest_s, lag_ms


def _refusal(channel: Channel, words: tuple[str, ...], body: Json) -> str | None:
    """What is said to a change; None where it was taken."""
    try:
        channel.post(*words, body=json.dumps(body).encode())
    except Refused as error:
        return str(error)
    return None


def _first_change_s(server: Server) -> float:
    """Seconds until a change is taken again. Raises StepFailed."""
    channel, began = Channel(server.data), time.monotonic()
    body: Json = {"key": "back", "domain": "back.example"}
    wait_until(lambda: _refusal(channel, ("tenants",), body) is None, 60.0, "a change is taken")
    return time.monotonic() - began


def _count(url: str, what: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count({what}) FROM calls".encode()).fetchone()
    return 0 if row is None else int(row[0])


def _load(folder: Path, server: Server, seconds: float) -> LoadResult:
    return run_load(
        "caller",
        folder=folder / "load",
        to_port=server.port,
        port=server.load_in,
        number="9001",
        rate=RATE,
        total=round(RATE * seconds),
        options=["-d", str(TALK_MS)],
    )

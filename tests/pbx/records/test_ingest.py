"""Taking the spool in: exactly once, over any stop, damage and full disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from pbx.cdr import CallFold, Cdr
from pbx.events import CallCreated, Event, LegMedia, NodeStarted, RegistrationChanged
from pbx.records.ingest import Ingest, IngestError
from pbx.spool import Position, SpoolReader, SpoolWriter
from pbx.spool.segment import list_segments, segment_path
from pbx.store import CallQuery, History, StoreError, open_engine, open_postgresql
from pbx.ulid import UlidFactory
from tests.fakes.call_log import START_NS, answered_call, call_log, created, leg_media, registration
from tests.fakes.postgresql import Postgresql

LATER_NS = START_NS + 10**15
ALL = CallQuery(limit=10**6)


def expected_cdrs(spool: Path) -> list[Cdr]:
    """The records by folding the whole log at once, newest first: what every database must hold."""
    folds: dict[str, CallFold] = {}
    last_at_ns, boot, node = 0, None, None
    for record in SpoolReader(spool).read(10**6):
        event = record.envelope.event
        if isinstance(event, NodeStarted) and event.boot != boot:
            for fold in folds.values():
                fold.close_lost(last_at_ns)
            boot, node = event.boot, event.node
        last_at_ns = max(last_at_ns, record.envelope.at_ns)
        call = getattr(event, "call", None)
        if call is not None:
            if call not in folds:
                folds[call] = CallFold(call, record.envelope, node)
            folds[call].apply(record.envelope)
    done = [fold.cdr() for fold in folds.values() if fold.ended_at_ns is not None]
    return sorted(done, key=lambda cdr: cdr.call_id, reverse=True)


def expected_bindings(log: list[tuple[Event, int]]) -> dict[str, RegistrationChanged]:
    bindings: dict[str, RegistrationChanged] = {}
    for event, _ in log:
        if isinstance(event, RegistrationChanged):
            bindings.pop(event.device, None)
            if event.action != "removed":
                bindings[event.device] = event
    return bindings


def write(spool: Path, log: list[tuple[Event, int]], *, segment_bytes: int = 1 << 26) -> None:
    with SpoolWriter(spool, segment_bytes=segment_bytes) as writer:
        for event, at_ns in log:
            writer.append(event, at_ns)


def take_all(ingest: Ingest) -> None:
    while ingest.step(LATER_NS):
        pass
    ingest.step(LATER_NS)


@pytest.fixture
def history(open_database: Callable[[], Engine]) -> Iterator[History]:
    with History(open_database()) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(5))
def test_database_holds_the_fold_of_the_log(tmp_path: Path, history: History, seed: int) -> None:
    log = call_log(Random(seed), 60)
    write(tmp_path / "spool", log)
    ingest = Ingest(history, tmp_path / "spool")
    take_all(ingest)
    assert history.cdrs(ALL) == expected_cdrs(tmp_path / "spool")
    assert ingest.open_calls == 0
    assert len(history.cdrs(ALL)) == sum(isinstance(event, CallCreated) for event, _ in log)
    assert {one.device: one for one in history.bindings(0)} == expected_bindings(log)


@pytest.mark.parametrize("seed", range(8))
def test_stopping_after_any_batch_changes_nothing(tmp_path: Path, history: History, seed: int) -> None:
    rng = Random(seed)
    log = call_log(rng, 40)
    writer = SpoolWriter(tmp_path / "spool", segment_bytes=4000)
    copy = SpoolWriter(tmp_path / "copy")
    ingest = Ingest(history, tmp_path / "spool")
    for event, at_ns in log:
        writer.append(event, at_ns)
        copy.append(event, at_ns)
        if rng.random() < 0.1:
            writer.flush()
            ingest._limit = rng.randrange(1, 30)
            ingest.step(at_ns)
        if rng.random() < 0.1:  # the process dies: all that it had in memory is gone
            ingest.close()
            ingest = Ingest(history, tmp_path / "spool")
    writer.close()
    copy.close()
    take_all(ingest)
    assert history.cdrs(ALL) == expected_cdrs(tmp_path / "copy")
    assert (ingest.damaged_bytes, ingest.missing_events) == (0, 0)
    assert {one.device: one for one in history.bindings(0)} == expected_bindings(log)


def test_wiped_database_is_rebuilt_from_the_spool(tmp_path: Path) -> None:
    write(tmp_path / "spool", call_log(Random(7), 50))
    held = []
    for name in ("one.db", "two.db"):
        engine = open_engine(tmp_path / name)
        with History(engine) as history:
            take_all(Ingest(history, tmp_path / "spool"))
            held.append((history.cdrs(ALL), history.bindings(0), history.state()))
        engine.dispose()
    assert held[0] == held[1]


def test_late_media_report_updates_the_record(tmp_path: Path, history: History) -> None:
    events = list(answered_call(UlidFactory(Random(1)), START_NS // 10**6))
    log = [(event, START_NS + n * 10**9) for n, event in enumerate(events)]
    write(tmp_path / "spool", log[:-2])
    ingest = Ingest(history, tmp_path / "spool")
    assert ingest.step(log[-3][1]) == len(log) - 2
    assert history.cdrs(ALL) == []
    ingest.step(log[-3][1] + 2 * 10**9)
    assert [leg.packets_in for leg in history.cdrs(ALL)[0].legs] == [None, None]
    write(tmp_path / "spool", log[-2:])
    take_all(ingest)
    assert [leg.packets_in for leg in history.cdrs(ALL)[0].legs] == [500, 495]
    assert history.cdrs(ALL) == expected_cdrs(tmp_path / "spool")


def test_late_media_report_of_a_lost_call_keeps_it_lost(tmp_path: Path, history: History) -> None:
    log: list[tuple[Event, int]] = [
        (NodeStarted(node="n", boot="1", version="1"), START_NS),
        (created("c"), START_NS + 1),
        (NodeStarted(node="n", boot="2", version="1"), START_NS + 10**10),
    ]
    write(tmp_path / "spool", log)
    ingest = Ingest(history, tmp_path / "spool")
    take_all(ingest)
    write(tmp_path / "spool", [(leg_media("c", "a"), START_NS + 2 * 10**10)])
    take_all(ingest)
    (cdr,) = history.cdrs(ALL)
    assert (cdr.reason, cdr.node, [leg.packets_in for leg in cdr.legs]) == ("node_lost", "n", [500])


def test_call_that_lost_its_first_event_to_damage_has_a_record(tmp_path: Path, history: History) -> None:
    events = list(answered_call(UlidFactory(Random(1)), 5))
    write(tmp_path / "spool", [(event, START_NS) for event in events])
    path = segment_path(tmp_path / "spool", 1)
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    ingest = Ingest(history, tmp_path / "spool")
    take_all(ingest)
    (cdr,) = history.cdrs(ALL)
    assert (cdr.direction, cdr.result, len(cdr.legs)) == ("unknown", "answered", 2)
    assert ingest.damaged_bytes > 0


def test_committed_segments_are_deleted(tmp_path: Path, history: History) -> None:
    write(tmp_path / "spool", call_log(Random(3), 30), segment_bytes=2000)
    last = list_segments(tmp_path / "spool")[-1]
    take_all(Ingest(history, tmp_path / "spool"))
    assert list_segments(tmp_path / "spool") == [last]


def test_full_disk_loses_nothing(tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "spool", call_log(Random(4), 30))
    ingest = Ingest(history, tmp_path / "spool")
    ingest._limit = 50
    ingest.step(START_NS)

    def full(self: History) -> None:
        raise OperationalError("COMMIT", None, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(History, "commit", full)
        for _ in range(3):
            with pytest.raises(IngestError, match="disk is full"):
                ingest.step(START_NS)
    take_all(ingest)
    assert history.cdrs(ALL) == expected_cdrs(tmp_path / "spool")


def test_event_that_no_column_can_hold_is_skipped(tmp_path: Path, history: History) -> None:
    log = call_log(Random(5), 10, boots=1)
    monster = LegMedia(
        call="x",
        leg="x",
        packets_in=2**63,
        packets_out=0,
        lost_in=0,
        jitter_ms=None,
        rtt_ms=None,
        far_lost=None,
        latched=None,
        mos=None,
    )
    bad = registration(1, "added", 2**63)  # no SQLite integer
    write(tmp_path / "spool", [*log[:20], (bad, START_NS), *log[20:], (monster, START_NS)])
    ingest = Ingest(history, tmp_path / "spool")
    take_all(ingest)
    assert ingest.skipped_events == 1
    assert history.cdrs(ALL) == expected_cdrs(tmp_path / "spool")


def test_bindings_that_ran_out_are_pruned(tmp_path: Path, history: History) -> None:
    write(tmp_path / "spool", [(registration(1, "added", 100), 1), (registration(2, "added", 300), 1)])
    ingest = Ingest(history, tmp_path / "spool")
    take_all(ingest)
    ingest.prune(200)
    assert [one.device for one in history.bindings(0)] == ["1002"]


def test_foreign_spool_is_refused(tmp_path: Path, history: History) -> None:
    write(tmp_path / "spool", call_log(Random(6), 10))
    take_all(Ingest(history, tmp_path / "spool"))
    write(tmp_path / "other", call_log(Random(6), 1))
    with pytest.raises(StoreError, match="it was replaced"):
        Ingest(history, tmp_path / "other")


def test_new_spool_with_the_right_floor_goes_on(tmp_path: Path, history: History) -> None:
    write(tmp_path / "spool", call_log(Random(6), 10, boots=1))
    take_all(Ingest(history, tmp_path / "spool"))
    before = history.state().seq
    with SpoolWriter(tmp_path / "other", floor_seq=before + 1) as writer:
        writer.append(created("zz"), START_NS)
    ingest = Ingest(history, tmp_path / "other")
    take_all(ingest)
    assert (ingest.seq, ingest.missing_events) == (before + 1, 0)
    assert history.state().position > Position(before + 1, 8)


@pytest.mark.e2e
def test_a_database_that_goes_away_loses_nothing(tmp_path: Path, postgresql: Postgresql) -> None:
    log = call_log(Random(3), 60)
    spool = tmp_path / "spool"
    engine = open_postgresql(postgresql.database())
    with History(engine) as history, SpoolWriter(spool) as writer:
        ingest = Ingest(history, spool)
        for event, at_ns in log[:200]:
            writer.append(event, at_ns)
        writer.flush()
        assert ingest.step(START_NS) == 200
        postgresql.stop()
        try:
            for event, at_ns in log[200:]:
                writer.append(event, at_ns)
            writer.flush()
            for _ in range(3):
                with pytest.raises(IngestError, match="database"):
                    ingest.step(LATER_NS)
        finally:
            postgresql.start()
        take_all(ingest)
        assert history.cdrs(ALL) == expected_cdrs(spool)
        assert (ingest.seq, ingest.skipped_events) == (len(log), 0)
    engine.dispose()

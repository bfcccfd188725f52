"""The store: tables match the records, upserts, queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pbx.cdr import Cdr, LegRecord
from pbx.events import encode
from pbx.spool import Position, SpoolError, SpoolWriter
from pbx.spool.floor import last_seq, last_seq_at
from pbx.store import CallQuery, History, HistoryReader, LogState, StoreError, binding_key, open_engine, open_postgresql
from pbx.store.tables import CALLS, LEGS
from tests.fakes.call_log import registration
from tests.fakes.postgresql import Postgresql
from tests.pbx.cdr.test_fold import ANSWERED, fold_at

Open = Callable[[], Engine]


def test_tables_have_the_fields_of_the_records() -> None:
    assert list(CALLS.c.keys()) == [field.name for field in fields(Cdr) if field.name != "legs"]
    assert list(LEGS.c.keys()) == [field.name for field in fields(LegRecord)]


def test_state_of_a_new_database_is_zero(open_database: Open) -> None:
    with History(open_database()) as history:
        assert history.state() == LogState(
            position=Position(0, 0), seq=0, floor_seq=0, last_at_ns=0, boot=None, node=None
        )


def test_records_come_back_newest_first_and_are_replaced(open_database: Open) -> None:
    engine = open_database()
    cdrs = [fold_at(ANSWERED, call).cdr() for call in ("c1", "c2", "c3")]
    other = replace(cdrs[1], tenant="other")
    with History(engine) as history:
        history.begin()
        history.put_cdrs(cdrs)
        history.put_cdrs([other])
        history.commit()
    with HistoryReader(engine) as reader:
        assert reader.cdrs(CallQuery()) == [cdrs[2], other, cdrs[0]]
        assert reader.cdrs(CallQuery(limit=1)) == [cdrs[2]]
        assert reader.cdrs(CallQuery(before="c3", limit=1)) == [other]
        assert reader.cdrs(CallQuery(tenant="other")) == [other]
        assert reader.cdrs(CallQuery(call="c1")) == [cdrs[0]]
    engine.dispose()


def test_rolled_back_rows_are_gone(open_database: Open) -> None:
    with History(open_database()) as history:
        history.begin()
        history.put_cdrs([fold_at(ANSWERED).cdr()])
        history.rollback()
        assert history.cdrs(CallQuery()) == []


def test_bindings_are_replaced_removed_and_run_out(open_database: Open) -> None:
    with History(open_database()) as history:
        events = [registration(1, "added", 100), registration(2, "added", 200)]
        rows = [(*binding_key(one), one.expires_at_ns, encode(one, 1, 1)) for one in events]
        history.begin()
        history.put_bindings(rows, [])
        history.commit()
        assert history.bindings(50) == events
        assert history.bindings(100) == events[1:]
        history.begin()
        history.put_bindings([], [binding_key(events[1])])
        history.forget_bindings(100)
        history.commit()
        assert history.bindings(0) == []


def test_outbound_binding_is_keyed_by_instance_and_flow() -> None:
    one = replace(registration(1, "added", 1), instance="<urn:uuid:1>", reg_id=1)
    assert binding_key(one) == binding_key(replace(one, contact="sip:elsewhere"))
    assert binding_key(one) != binding_key(replace(one, reg_id=2))


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="restore a backup"):
        open_engine(tmp_path / "x.db")
    with pytest.raises(SpoolError, match="restore a backup"):
        last_seq(tmp_path / "x.db")


def test_nobody_else_may_read_the_records(tmp_path: Path) -> None:
    with History(open_engine(tmp_path / "x.db")) as history:
        history.begin()
        history.put_cdrs([fold_at(ANSWERED, "c1").cdr()])
        history.commit()
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_last_seq(tmp_path: Path) -> None:
    assert last_seq(tmp_path / "x.db") == 0
    with History(open_engine(tmp_path / "x.db")) as history:
        assert last_seq(tmp_path / "x.db") == 0
        history.begin()
        history.add_events([(41, None, 1, 1, b"x"), (42, "c", 1, 1, b"x"), (42, "c", 1, 1, b"y")])
        history.commit()
    assert last_seq(tmp_path / "x.db") == 42


@pytest.mark.e2e
def test_last_seq_of_postgresql(tmp_path: Path, postgresql: Postgresql) -> None:
    url, spool = postgresql.database(), tmp_path / "spool"
    assert last_seq_at(url, spool) == 0
    with History(open_postgresql(url)) as history:
        history.begin()
        history.add_events([(42, None, 1, 1, b"x")])
        history.commit()
    assert last_seq_at(url, spool) == 42
    with pytest.raises(ConnectionRefusedError, match="cannot be reached"):
        last_seq_at(f"postgresql://cordboard@/none?host={tmp_path}", spool)
    with SpoolWriter(spool) as writer:
        writer.append(registration(1, "added", 1), 1)
    assert last_seq_at("postgresql://nobody.invalid/none", spool) == 0, "a spool that goes on needs no database"


def test_postgresql_takes_what_peers_send(postgresql: Postgresql) -> None:
    """It has no NUL in text; the record is kept without it."""
    cdr = replace(fold_at(ANSWERED).cdr(), caller_name_original="a\0b", q850=127)
    with History(open_postgresql(postgresql.database())) as history:
        history.begin()
        history.put_cdrs([cdr])
        history.commit()
        assert history.cdrs(CallQuery()) == [replace(cdr, caller_name_original="ab")]

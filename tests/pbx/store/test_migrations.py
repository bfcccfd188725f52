"""Migrations: they make the tables of this release, from nothing and from the database of any earlier release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from pbx.cdr import Cdr
from pbx.store import CallQuery, History, HistoryReader, StoreAway, StoreError, open_engine, open_postgresql
from pbx.store.database import HEAD
from pbx.store.tables import CALLS, LEGS, METADATA
from tests.pbx.cdr.test_fold import ANSWERED, fold_at

MIGRATIONS = Path(__file__).resolve().parents[3] / "pbx" / "store" / "migrations"
OLD_COLUMNS = ("hold_count", "hold_ms")


def test_the_migrations_make_the_tables(open_database: Callable[[], Engine]) -> None:
    """Whoever changes a table writes a migration."""
    with open_database().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == HEAD


def test_the_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_database_of_an_earlier_release_keeps_its_records(tmp_path: Path) -> None:
    """As the release before holds made it: no migrations, no columns for holds, no configuration."""
    path = tmp_path / "x.db"
    old = create_engine(f"sqlite:///{path}")
    later = ("configuration", "applied", "api_", "token_", "recordings")
    tables = [table for table in METADATA.sorted_tables if not table.name.startswith(later)]
    METADATA.create_all(old, tables=tables)
    cdr: Cdr = fold_at(ANSWERED).cdr()
    with History(old) as history:
        history.begin()
        history.put_cdrs([cdr])
        history.commit()
    with old.begin() as connection:
        for index in CALLS.indexes:
            connection.execute(text(f"DROP INDEX {index.name}"))
        for table in (CALLS, LEGS):
            for column in OLD_COLUMNS:
                connection.execute(text(f"ALTER TABLE {table.name} DROP COLUMN {column}"))
    old.dispose()
    engine = open_engine(path)
    with HistoryReader(engine) as reader:
        assert reader.cdrs(CallQuery()) == [cdr]
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_a_database_of_a_later_release_is_refused(open_database: Callable[[], Engine]) -> None:
    with open_database().begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="of a later release"):
        open_database()


def test_a_server_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(StoreAway, match="cannot be reached") as told:
        open_postgresql(f"postgresql://ann:hunter2@/none?host={tmp_path}")
    assert "hunter2" not in str(told.value)
    with pytest.raises(StoreError, match=r"data\.database_url is not a URL") as told_too:
        open_postgresql("hunter2")
    assert "hunter2" not in str(told_too.value)

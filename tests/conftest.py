"""Fixtures for all rooms: databases of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pbx.store import open_store
from tests.fakes.postgresql import Postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server of the session's own, started when the first test wants it."""
    made = Postgresql()
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite, else the URL of a new PostgreSQL database: a test that takes it runs on both."""
    if request.param == "sqlite":
        return None
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture
def open_database(database_url: str | None, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Opens the test's database, as often as wanted."""
    with ExitStack() as stack:

        def opened() -> Engine:
            engine = open_store(tmp_path / "x.db", database_url)
            stack.callback(engine.dispose)
            return engine

        yield opened

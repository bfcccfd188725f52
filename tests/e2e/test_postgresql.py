"""PostgreSQL in place of the database file: calls need neither, records and configuration come when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.conftest import QUICK, Phones
from tests.e2e.ports import Ports
from tests.e2e.server import Server
from tests.e2e.sipp_phone import Turns
from tests.e2e.test_configuration import ask
from tests.e2e.wait import wait_until
from tests.fakes.postgresql import Postgresql


@pytest.fixture
def own_postgresql() -> Iterator[Postgresql]:
    """A server that the test may stop."""
    made = Postgresql()
    yield made
    made.close()


def answered(url: str) -> int:
    """How many records of answered calls there are."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM calls WHERE answer_at_ms IS NOT NULL").fetchone()
    return 0 if row is None else int(row[0])


def test_the_database_stops_during_calls(
    own_postgresql: Postgresql, ports: Ports, phones: Phones, tmp_path: Path
) -> None:
    url = own_postgresql.database()
    server = Server(tmp_path / "server", ports, "--apply", str(QUICK), environment={"CORDBOARD_DATA_DATABASE_URL": url})
    try:
        server.start()
        assert not (server.data / "cordboard.db").exists()
        exported = ask(server, "export")
        caller = phones.sipp(server, "1001")
        caller.play("caller_hangs_up", "*60", Turns(calls=80, rate=20), hold_ms="300")
        wait_until(lambda: answered(url) >= 5, 30, "the first records")
        own_postgresql.stop()
        more = tmp_path / "more.yaml"
        more.write_text(exported, encoding="utf-8")
        told = ask(server, "apply", str(more), status=1)
        assert "the database does not answer" in told
        assert "calls go on" in told
        assert ask(server, "export") == exported, "what is in force can be read"
        caller.finish()  # every one of the calls was answered and ended as it should
        own_postgresql.start()
        wait_until(lambda: answered(url) == 80, 60, "all records")
        wait_until(lambda: "nothing changed" in ask(server, "apply", str(more)), 30, "an answer to apply")
        control = server.pids().control
        server.end()
        server.start()
        assert server.pids().control != control
        assert ask(server, "export") == exported
        assert answered(url) == 80
    finally:
        server.end()
    assert "Traceback" not in server.log()

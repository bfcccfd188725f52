"""The configurator alone: whatever documents come, what is applied is what is there, and every way back leads back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from pbx.compiled import Row
from pbx.config_object import Applied, Deletion, ObjectKey, Outcome, Upsert
from pbx.draft import Draft
from pbx.records.configurator import KEPT_MS, Configurator
from pbx.records.documents import apply_texts
from pbx.records.plan import Author, plan_of
from pbx.records.state import read_state
from pbx.schema.compile import compile_objects
from pbx.schema.export import export
from pbx.schema.loading import Text
from pbx.snapshot import EMPTY, Snapshot
from pbx.store import open_engine
from pbx.store.configuration import KEPT_VERSIONS, ConfigurationStore
from tests.fakes.documents import documents

TENANT = "tenants:\n- {key: acme, domain: acme.example}\n"

_NUMBERS = itertools.count(1)
"""For ids: they are never given twice, however many benches work on one database."""


class Bench:
    """A configurator over a database, with a clock of its own and a `control` that follows it."""

    def __init__(self, engine: Engine) -> None:
        self.now_ms = 1_790_000_000_000
        self.engine = engine
        self.configurator = Configurator(lambda: ConfigurationStore(engine), lambda: self.now_ms, self._id)
        self.control: Snapshot = EMPTY
        self._version = 0

    def _id(self) -> str:
        return f"id{self.now_ms}-{next(_NUMBERS)}"

    def author(self) -> Author:
        return Author(by="tests", change_id=self._id())

    def apply(self, text: str, *, prune: bool = True, dry_run: bool = False) -> Outcome:
        applied: Applied = apply_texts(
            self.configurator, [Text("f.yaml", text)], self.author(), prune=prune, dry_run=dry_run
        )
        assert not applied.errors, applied.errors
        return applied.outcome

    def export(self) -> str:
        return export(self.configurator.state.objects)

    def follow(self, most: int) -> Snapshot:
        """What `control` holds after it fetched what changed, so many objects at a time."""
        draft, offset = Draft(self.control), 0
        while True:
            rows: list[Row]
            version, total, rows = self.configurator.compiled(self._version, offset, most)
            for row in rows:
                draft.take(row)
            offset += len(rows)
            if offset >= total:
                break
        self.control, self._version = draft.finish("").snapshot, version
        return self.control


@pytest.fixture
def bench(open_database: Callable[[], Engine]) -> Iterator[Bench]:
    made = Bench(open_database())
    yield made
    made.configurator.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents(), documents(), st.booleans())
def test_what_is_applied_is_what_is_there(tmp_path: Path, first: str, second: str, prune: bool) -> None:
    engine = open_engine(tmp_path / "x.db")
    made = Bench(engine)
    made.apply("")
    before = made.configurator.state.version
    made.apply(first)
    exported = made.export()
    assert not made.apply(exported, dry_run=True).effective, "an export says what is there"
    at_first = made.configurator.state.version

    try:
        would = made.apply(second, prune=prune, dry_run=True)
    except AssertionError:
        assert not prune, "documents that are right alone may contradict what stays"
        made.configurator.close()
        engine.dispose()
        return
    assert made.export() == exported, "a comparison changes nothing"
    did = made.apply(second, prune=prune)
    assert (did.added, did.changed, did.deleted) == (would.added, would.changed, would.deleted)
    assert [(one.action, one.object, one.fields) for one in did.changes] == [
        (one.action, one.object, one.fields) for one in would.changes
    ]
    assert not made.apply(second, prune=prune, dry_run=True).effective, "once is enough"
    assert prune or not did.deleted
    assert "a-long-password" not in str(did)
    assert made.follow(3) == compile_objects(made.configurator.state.objects)
    with ConfigurationStore(engine) as store:
        stored = read_state(store)
    assert (stored.version, dict(stored.rows)) == (
        made.configurator.state.version, dict(made.configurator.state.rows)
    )  # fmt: skip

    at_second = made.export()
    made.apply("")
    assert made.export() == ""
    assert made.follow(2) == compile_objects({})
    if at_second:
        made.apply(at_second)
    assert made.export() == at_second, "there and back"
    _restore(made, at_first)
    assert made.export() == exported
    _restore(made, before)
    assert made.export() == ""
    assert made.follow(5) == compile_objects({})
    made.configurator.close()
    engine.dispose()


def _restore(made: Bench, number: int) -> Outcome:
    plan = made.configurator.rollback_plan(number)
    outcome = made.configurator.change(plan, made.author())
    assert not outcome.faults, outcome.faults
    return outcome


def _change(made: Bench, upserts: list[Upsert], deletes: list[Deletion] | None = None, **options: Any) -> Outcome:
    return made.configurator.change(plan_of(upserts, deletes or []), made.author(), **options)


def test_fifty_versions_can_be_restored(bench: Bench) -> None:
    for ring in range(1, KEPT_VERSIONS + 11):
        bench.apply(f"tenants:\n- {{key: acme, domain: acme.example, ext_ring: {ring}}}\n")
    versions = bench.configurator.versions(500)
    assert [one.number for one in versions] == list(range(KEPT_VERSIONS + 10, 0, -1))
    usable = [one.number for one in versions if one.restorable]
    assert len(usable) == KEPT_VERSIONS + 1
    with pytest.raises(LookupError, match="too old"):
        bench.configurator.rollback_plan(usable[-1] - 1)
    _restore(bench, usable[-1])
    assert f"ext_ring: {usable[-1]}" in bench.export()


def test_a_request_asked_twice_acts_once(bench: Bench) -> None:
    author = bench.author()
    for _ in range(2):
        plan = plan_of([Upsert(kind="tenant", body={"key": "acme", "domain": "a.example"})], [])
        outcome = bench.configurator.change(plan, author)
        assert (outcome.version, outcome.faults) == (1, ())
    assert len(bench.configurator.versions(10)) == 1


def test_tokens_stay_out_of_documents_and_of_history(bench: Bench) -> None:
    bench.apply(TENANT)
    token = {"id": "abc", "sha256": "0" * 64, "read_only": True}
    assert _change(bench, [Upsert(kind="token", body=token)]).added == 1
    assert bench.follow(10).tokens["abc"].read_only
    assert "abc" not in bench.export()
    bench.apply("")
    assert bench.configurator.state.stored(next(key for key in bench.configurator.state.rows)) is not None
    _restore(bench, 1)
    assert "abc" in bench.follow(10).tokens, "an earlier version brings no token back, and takes none away"
    _change(bench, [], [Deletion(kind="token", key="abc")])
    _restore(bench, 2)
    assert bench.follow(10).tokens == {}


def test_tokens_go_with_their_tenant(bench: Bench) -> None:
    bench.apply(TENANT.replace("}", ', extensions: [{number: "1001"}]}'))
    _change(bench, [Upsert(kind="token", body={"id": "own", "sha256": "0" * 64, "tenant": "acme"}),
                    Upsert(kind="token", body={"id": "all", "sha256": "1" * 64})])  # fmt: skip
    doomed = [Deletion(kind="tenant", key="acme")]
    refused = _outcome(bench, doomed)
    assert [(fault.code, fault.users) for fault in refused.faults] == [
        ("in_use", (ObjectKey("extension", "acme", "1001"),))
    ]
    assert set(bench.follow(10).tokens) == {"own", "all"}
    _change(bench, [], [Deletion(kind="extension", tenant="acme", key="1001")])
    gone = _outcome(bench, doomed)
    assert (gone.deleted, gone.warnings) == (2, ("1 token(s) go with their tenant: they open nothing from now on",))
    assert set(bench.follow(10).tokens) == {"all"}
    _restore(bench, gone.version - 1)
    assert set(bench.follow(10).tokens) == {"all"}, "what was revoked stays so"


def _outcome(made: Bench, deletes: list[Deletion]) -> Outcome:
    return made.configurator.change(plan_of([], deletes), made.author())


def test_deleted_rows_stay_a_month(bench: Bench) -> None:
    bench.apply(TENANT)
    bench.apply("")
    with ConfigurationStore(bench.engine) as store:
        assert len(store.deleted_since(0)) == 1
    bench.now_ms += KEPT_MS + 1
    bench.apply(TENANT)
    with ConfigurationStore(bench.engine) as store:
        assert store.deleted_since(0) == []
        (row,) = store.living()
    assert row.revision == 3


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Upsert(kind="nonsense", body={}), "nonsense : there is no kind nonsense (allowed: tenant | extension | "),
        (Upsert(kind="tenant", body={"key": "acme"}), "tenant : domain: is required"),
        (Upsert(kind="tenant", key="b1", body={"key": "c1", "domain": "c.example"}), "tenant b1: its key would be c1"),
        (Upsert(kind="extension", tenant="acme", body={"number": 7}), "extension acme/: number: must be text"),
        (Upsert(kind="extension", tenant="none", body={"number": "77"}), "extension none/77: there is no tenant none"),
        (
            Upsert(kind="extension", tenant="acme", body={"number": "77", "devices": [{"rubbish": 1}]}),
            "extension acme/: devices[0].rubbish: is no setting here",
        ),
        (Upsert(kind="did", body=["nonsense"]), "did : must be settings by name"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_wishes_that_cannot_be(tmp_path: Path, wish: Upsert, expected: str) -> None:
    engine = open_engine(tmp_path / "x.db")
    made = Bench(engine)
    made.apply(TENANT)
    outcome = _change(made, [wish])
    assert any(str(fault).startswith(expected) for fault in outcome.faults), outcome.faults
    assert made.configurator.state.version == 1
    made.configurator.close()
    engine.dispose()

"""Searching history: each filter alone, and page by page without a gap or a repetition."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from pbx.cdr import Cdr
from pbx.events import CallBridged, encode
from pbx.store import History, open_engine
from pbx.store.search import EQUAL, CdrSearch, EventSearch, HistorySearch
from pbx.ulid import UlidFactory, first_of, time_ms
from tests.pbx.cdr.test_fold import ANSWERED, fold_at

BEGAN_MS = 1_790_000_000_000


def some_cdrs(count: int) -> list[Cdr]:
    ids, base = UlidFactory(Random(1)), fold_at(ANSWERED).cdr()
    found = []
    for index in range(count):
        call = ids.new(BEGAN_MS + 1000 * index)
        legs = tuple(replace(leg, call_id=call) for leg in base.legs)
        odd = "other" if index % 2 else "demo"
        found.append(replace(base, call_id=call, tenant=odd, caller_original=f"10{index:02}", legs=legs))
    return found


@pytest.fixture
def cdrs(tmp_path: Path) -> list[Cdr]:
    made = some_cdrs(10)
    engine = open_engine(tmp_path / "h.db")
    with History(engine) as history:
        history.begin()
        history.put_cdrs(made)
        event = encode(CallBridged(call=made[0].call_id, leg_a="a", leg_b="b"), 7, 5)
        history.add_events([(number, made[number % 2].call_id, 13, 5, event) for number in range(1, 7)])
        history.commit()
    return made


def test_filters_and_pages(cdrs: list[Cdr], tmp_path: Path) -> None:
    newest = cdrs[::-1]
    with HistorySearch(open_engine(tmp_path / "h.db")) as history:
        assert history.search_cdrs(CdrSearch()) == newest
        assert history.search_cdrs(CdrSearch(newest_first=False, limit=3)) == cdrs[:3]
        assert history.search_cdrs(CdrSearch(newest_first=False, cursor=cdrs[2].call_id, limit=2)) == cdrs[3:5]
        assert history.search_cdrs(CdrSearch(cursor=newest[2].call_id, limit=2)) == newest[3:5]
        assert history.search_cdrs(CdrSearch(tenant="other")) == newest[::2]
        assert history.search_cdrs(CdrSearch(number="1003")) == [cdrs[3]]
        assert history.search_cdrs(CdrSearch(result="busy")) == []
        span = CdrSearch(since_ms=BEGAN_MS + 2000, until_ms=BEGAN_MS + 4000)
        assert history.search_cdrs(span) == [cdrs[3], cdrs[2]]
        assert history.search_cdrs(CdrSearch(since_ms=1 << 60)) == []


@pytest.fixture
def mixed(open_database: Callable[[], Engine]) -> Iterator[tuple[list[Cdr], HistorySearch]]:
    """Calls whose values repeat in every combination."""
    rng, made = Random(5), []
    for cdr in some_cdrs(200):
        values = {name: rng.choice(["a", "b"]) for name in EQUAL if name not in ("result", "reason", "direction")}
        called = rng.choice(["1001", "1002", "1003"])
        made.append(replace(cdr, caller_original=rng.choice(["1001", "1002"]), called_original=called, **values))  # type: ignore[arg-type]
    engine = open_database()
    with History(engine) as history:
        history.begin()
        history.put_cdrs(made)
        history.commit()
    with HistorySearch(engine) as search:
        yield made, search


def test_filters_together(mixed: tuple[list[Cdr], HistorySearch]) -> None:
    """Whatever index is taken, the same calls are found as by looking at all of them."""
    made, history = mixed
    rng = Random(6)
    for _ in range(60):
        names = rng.sample(["device", "extension", "did", "trunk", "tenant", "number"], rng.randrange(1, 4))
        wish: dict[str, str] = {name: rng.choice(["a", "b"]) for name in names}
        if "number" in wish:
            wish["number"] = rng.choice(["1001", "1002", "1003"])
        newest_first, limit = rng.random() < 0.5, rng.choice([1, 7, 500])
        plain = {name: value for name, value in wish.items() if name != "number"}
        right = [
            one
            for one in (made[::-1] if newest_first else made)
            if all(getattr(one, name) == value for name, value in plain.items())
            and wish.get("number", one.caller_original) in (one.caller_original, one.called_original)
        ]
        wanted = CdrSearch(**wish, newest_first=newest_first, limit=limit)  # type: ignore[arg-type]
        assert history.search_cdrs(wanted) == right[:limit], wish
        if right:
            behind = replace(wanted, cursor=right[0].call_id)
            assert history.search_cdrs(behind) == right[1 : 1 + limit], wish


def test_a_search_does_not_read_all(cdrs: list[Cdr], tmp_path: Path) -> None:
    """Each filter has its index, and gives a page in order without sorting."""
    with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        for name in EQUAL:
            query = f"EXPLAIN QUERY PLAN SELECT * FROM calls WHERE {name} = 'x' ORDER BY call_id DESC LIMIT 10"
            (row,) = connection.execute(query)
            assert row[3] == f"SEARCH calls USING INDEX calls_{name} ({name}=?)"


def test_events(cdrs: list[Cdr], tmp_path: Path) -> None:
    with HistorySearch(open_engine(tmp_path / "h.db")) as history:
        assert len(history.search_events(EventSearch())) == 6
        assert len(history.search_events(EventSearch(limit=2, after=4))) == 2
        assert len(history.search_events(EventSearch(call=cdrs[0].call_id))) == 3
        assert history.search_events(EventSearch(code=99)) == []
        assert history.search_events(EventSearch(since_ns=6)) == []


def test_the_first_id_of_a_time() -> None:
    assert time_ms(first_of(BEGAN_MS)) == BEGAN_MS
    assert first_of(BEGAN_MS) < UlidFactory(Random(2)).new(BEGAN_MS) < first_of(BEGAN_MS + 1)

"""When the collector searches: idle, with enough to look through, and nothing still going by itself."""

from __future__ import annotations

import gc

import pytest

from pbx.collector import ENOUGH, TOO_MANY, Collector


@pytest.mark.parametrize(
    ("made", "idle", "searches"),
    [
        ((ENOUGH + 1,), True, 1),
        ((ENOUGH - 1,), True, 0),
        ((ENOUGH + 1,), False, 0),
        ((TOO_MANY + 1,), False, 1),
        # The transactions of a busy time go one after the other; at the end there is nothing to search through.
        ((900_000, 700_000, 500_000, 300_000, 90_000), (False, True, True, True, True), 0),
        # What stays is searched as soon as it no longer falls.
        ((900_000, 700_000, 699_900), (False, True, True), 1),
    ],
)
def test_when(
    monkeypatch: pytest.MonkeyPatch, made: tuple[int, ...], idle: bool | tuple[bool, ...], searches: int
) -> None:
    counts = iter(made)
    done: list[int] = []
    monkeypatch.setattr(gc, "get_count", lambda: (next(counts), 0, 0))
    monkeypatch.setattr(gc, "collect", lambda: done.append(1))
    collector = Collector()
    for turn in range(len(made)):
        collector.beat(idle=idle if isinstance(idle, bool) else idle[turn])
    assert len(done) == collector.searches == searches

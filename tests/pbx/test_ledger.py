"""The ledger and the occupancy: what is held is given back once, the latest first."""

from __future__ import annotations

import pytest

from pbx.ledger import Ledger
from pbx.occupancy import Occupancy


def test_all_is_released_once_the_latest_first() -> None:
    released: list[str] = []
    ledger = Ledger()
    for name in ("a", "b", "c"):
        ledger.hold(name, lambda name=name: released.append(name))  # type: ignore[misc]
    ledger.release("b")
    ledger.release("b")
    ledger.release_all()
    ledger.release_all()
    assert released == ["b", "c", "a"]
    assert len(ledger) == 0


def test_a_key_is_held_once() -> None:
    ledger = Ledger()
    ledger.hold("a", lambda: None)
    with pytest.raises(ValueError, match="'a' is already held"):
        ledger.hold("a", lambda: None)


def test_what_is_forgotten_is_not_released() -> None:
    released: list[str] = []
    ledger = Ledger()
    ledger.hold("a", lambda: released.append("a"))
    ledger.forget("a")
    ledger.release_all()
    assert not released


def test_occupancy_counts_up_and_down() -> None:
    occupancy = Occupancy()
    key = ("extension", "demo", "1001")
    assert occupancy.has_room(key, 1)
    assert not occupancy.has_room(key, 0)
    occupancy.take(key)
    assert not occupancy.has_room(key, 1)
    assert occupancy.has_room(key, None)
    occupancy.take(key)
    occupancy.free(key)
    assert occupancy.used(key) == 1
    occupancy.free(key)
    assert len(occupancy) == 0

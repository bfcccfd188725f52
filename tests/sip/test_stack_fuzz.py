"""20,000 damaged datagrams at a stack with a call up: no exception, honest calls come through, nothing is left."""

from __future__ import annotations

import pytest

from tests.fakes.assault import Assault


@pytest.mark.parametrize("seed", range(4))
def test_a_stack_under_fire(seed: int) -> None:
    assault = Assault(seed)
    assault.run(5000)
    census = assault.finish()
    assert set(census.values()) == {0}, census
    assert assault.calls == 10
    assert assault.victim.malformed > 1000
    assert assault.victim.malformed < assault.sent

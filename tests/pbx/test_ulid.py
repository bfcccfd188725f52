"""ULIDs: form, order, no clash."""

from __future__ import annotations

from random import Random

import pytest

from pbx.ulid import UlidFactory


def test_known_time_part() -> None:
    # The ULID specification's own example time.
    assert UlidFactory(Random(1)).new(1469918176385).startswith("01ARYZ6S41")


def test_ids_increase_within_a_millisecond_and_when_the_clock_steps_back() -> None:
    factory = UlidFactory(Random(1))
    ids = [factory.new(now_ms) for now_ms in [1000, 1000, 1000, 1001, 999, 5, 1001, 2000]]
    assert ids == sorted(set(ids))
    assert {len(one) for one in ids} == {26}


def test_counting_up_does_not_overflow() -> None:
    class Ones(Random):
        def getrandbits(self, k: int, /) -> int:
            return (1 << k) - 1

    factory = UlidFactory(Ones())
    ids = [factory.new(7) for _ in range(1000)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("now_ms", [-1, 1 << 48])
def test_times_that_do_not_fit_are_refused(now_ms: int) -> None:
    with pytest.raises(ValueError, match="ULID time"):
        UlidFactory(Random(1)).new(now_ms)

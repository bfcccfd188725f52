"""Loop lag, measured on a loop whose clock the test moves."""

from __future__ import annotations

import asyncio

import pytest

from pbx.loop_lag import LoopLag
from tests.fakes.virtual_loop import virtually


@virtually
async def test_a_loop_on_time_has_no_lag() -> None:
    loop = asyncio.get_running_loop()
    lag = LoopLag(loop, loop.time)
    assert (lag.p99_s, lag.last_s, lag.worst_s) == (0.0, 0.0, 0.0)
    lag.start()
    await asyncio.sleep(60)
    lag.stop()
    assert lag.histogram.count == pytest.approx(600, abs=1)
    assert lag.worst_s == pytest.approx(0.0, abs=1e-6)
    await asyncio.sleep(10)
    assert lag.histogram.count == pytest.approx(600, abs=1)


@virtually
async def test_a_stuck_loop_is_seen() -> None:
    loop = asyncio.get_running_loop()
    late_s = 0.0
    lag = LoopLag(loop, lambda: loop.time() + late_s)
    lag.start()
    await asyncio.sleep(5.05)
    late_s = 0.7  # the clock jumps as if a callback had kept the loop for so long
    await asyncio.sleep(0.1)
    assert lag.last_s == pytest.approx(0.7, abs=1e-3)
    late_s = 1.6
    await asyncio.sleep(0.1)
    assert lag.worst_s == pytest.approx(0.9, abs=1e-3)
    await asyncio.sleep(5)
    assert lag.p99_s == pytest.approx(0.7, abs=1e-3)  # two of 100 were late
    assert lag.last_s == pytest.approx(0.0, abs=1e-3)
    await asyncio.sleep(20)
    assert lag.p99_s == pytest.approx(0.0, abs=1e-3)
    assert lag.worst_s == pytest.approx(0.9, abs=1e-3)
    assert lag.histogram.buckets[lag.histogram.bounds.index(1.0)] == 2
    assert lag.histogram.total == pytest.approx(1.6, abs=1e-2)
    lag.stop()

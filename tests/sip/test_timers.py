"""The timers of the stack: order, cancelling, and that each runs once."""

from __future__ import annotations

import random

from sip.timers import Timer, Timers, Timing


def test_timing_of_the_rfc() -> None:
    timing = Timing()
    assert (timing.t1_s, timing.t2_s, timing.t4_s, timing.transaction_s) == (0.5, 4.0, 5.0, 32.0)


def test_nothing_waits() -> None:
    timers = Timers()
    assert timers.next_timeout() is None
    timers.run(1e9)
    assert len(timers) == 0


def test_heap_and_queues_run_in_the_order_of_time() -> None:
    timers, ran = Timers(), list[tuple[str, float]]()

    def call(name: str, now: float) -> None:
        ran.append((name, now))

    timers.after(3.0, 0.0, call, "c")
    timers.after_constant(2.0, 0.0, call, "b")
    timers.after_constant(5.0, 0.0, call, "e")
    timers.after(1.0, 0.0, call, "a")
    timers.after_constant(2.0, 2.0, call, "d")
    assert timers.next_timeout() == 1.0
    timers.run(0.999)
    assert ran == []
    timers.run(2.0)
    assert ran == [("a", 2.0), ("b", 2.0)]
    timers.run(10.0)
    assert [name for name, _ in ran] == ["a", "b", "c", "d", "e"]
    assert len(timers) == 0


def test_a_cancelled_timer_neither_runs_nor_wakes() -> None:
    timers = Timers()
    ran: list[str] = []
    both = [timers.after(1.0, 0.0, lambda arg, now: ran.append(arg), "heap")]
    both.append(timers.after_constant(1.0, 0.0, lambda arg, now: ran.append(arg), "queue"))
    for timer in both:
        timer.cancel()
        timer.cancel()
        assert timer.arg is None
    assert timers.next_timeout() is None
    timers.run(5.0)
    assert ran == []


def test_a_timer_that_sets_itself_again_runs_once_per_time() -> None:
    timers = Timers()
    ran: list[float] = []

    def again(_: None, now: float) -> None:
        ran.append(now)
        timers.after(1.0, now, again, None)

    timers.after(1.0, 0.0, again, None)
    timers.run(1.0)
    timers.run(1.5)
    timers.run(2.0)
    assert ran == [1.0, 2.0]


def test_a_timer_may_cancel_another_that_is_due_at_the_same_moment() -> None:
    timers = Timers()
    ran: list[str] = []
    second: list[Timer] = []
    timers.after(1.0, 0.0, lambda arg, now: second[0].cancel(), "first")
    second.append(timers.after(1.0, 0.0, lambda arg, now: ran.append(arg), "second"))
    timers.run(1.0)
    assert ran == []


def test_many_random_timers_run_once_and_in_order() -> None:
    rng = random.Random(7)
    timers, ran = Timers(), list[float]()
    due: list[float] = []
    now = 0.0
    for _ in range(500):
        now += rng.random() * 0.01
        delay_s = rng.choice((0.0, 0.5, 5.0, 32.0, rng.random() * 40))
        make = timers.after_constant if delay_s in (0.0, 0.5, 5.0, 32.0) else timers.after
        timer = make(delay_s, now, lambda when, at: ran.append(when), now + delay_s)
        if rng.random() < 0.3:
            timer.cancel()
        else:
            due.append(now + delay_s)
    assert len(timers) == len(due)
    while (when := timers.next_timeout()) is not None:
        timers.run(when)
    assert ran == sorted(due)
    assert len(timers) == 0


def test_what_lingers_fires_together_within_the_slack() -> None:
    timers = Timers(slack_s=0.25)
    fired: list[tuple[str, float]] = []

    def note(name: str, now: float) -> None:
        fired.append((name, now))

    for number in range(4):
        timers.linger(32.0, number * 0.05, note, f"t{number}")
    assert timers.next_timeout() == 32.25
    timers.run(32.25)
    assert [name for name, _ in fired] == ["t0", "t1", "t2", "t3"]
    assert timers.next_timeout() is None


def test_what_lingers_never_fires_early_nor_holds_up_the_others() -> None:
    timers = Timers(slack_s=0.25)
    fired: list[str] = []

    def note(name: str, now: float) -> None:
        fired.append(name)

    timers.linger(5.0, 0.0, note, "linger")
    timers.after(5.1, 0.0, note, "exact")
    assert timers.next_timeout() == 5.1
    timers.run(4.999)
    assert fired == []
    timers.run(5.1)
    assert fired == ["linger", "exact"]

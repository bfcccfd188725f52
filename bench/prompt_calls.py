"""Prompt calls: CPU of a looped prompt played to one caller by the whole server."""

from __future__ import annotations

import selectors
import time
from contextlib import suppress
from pathlib import Path

from bench.cpu import tree_time
from bench.figure import Figure
from bench.phone_pair import PairCall, PhonePair
from bench.plan import Plan
from bench.server import Server
from bench.udp_port import HOST

CALLS = 300
RATE = 97.0
"""No multiple of 50: the callers' packets do not all fall due at once."""
NUMBER = "9004"
PACKETS_PER_S = 50
FULL_S, QUICK_S = 10.0, 4.0


def measure_prompt(plan: Plan) -> list[Figure]:
    """CPU per caller, and packets that did not come."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    rounds: list[tuple[float, float]] = []
    while plan.another_round(len(rounds), length_s + 12.0):
        rounds.append(_round(plan.folder / f"prompt-{len(rounds)}", length_s))
    return [
        Figure(
            work=f"looped prompt to one of {CALLS} callers, {length_s:g} s: CPU",
            unit="% core",
            ours=tuple(percent for percent, _ in rounds),
            peer=(0.30,),
            peer_name="Asterisk, not in this run",
            published=True,
            must=0.06,
            aim=0.04,
        ),
        Figure(
            work="  packets that did not come",
            unit="%",
            ours=tuple(missing for _, missing in rounds),
            must=0.5,
            note="counted in the window of time: up to one packet a caller falls outside",
        ),
    ]


def _round(folder: Path, length_s: float) -> tuple[float, float]:
    """CPU in percent of a core per caller, and packets missing in percent."""
    with (
        Server(folder) as server,
        PhonePair((HOST, server.port), server.load_in, server.load_out, NUMBER, media=True) as pair,
    ):
        calls = pair.set_up(CALLS, RATE, None)
        _packets(calls, 1.0)
        before, begun = tree_time(server.pid), time.monotonic()
        received = _packets(calls, length_s)
        passed_s = time.monotonic() - begun
        used_s = tree_time(server.pid).since(before)
        pair.hold(0.1)
        pair.hang_up(RATE)
    due = CALLS * passed_s * PACKETS_PER_S
    return 100.0 * used_s / passed_s / CALLS, max(0.0, 100.0 * (due - received) / due)


def _packets(calls: list[PairCall], seconds: float) -> int:
    """How many packets come to the callers in this time, those left over from before not counted."""
    with selectors.DefaultSelector() as selector:
        for call in calls:
            if call.left is not None:
                selector.register(call.left, selectors.EVENT_READ, call.left)
        _drain(selector, 0.0)
        received, end = 0, time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            received += _drain(selector, left_s)
            # Many packets for one wake spares the machine, which the server needs.
            time.sleep(min(0.005, max(0.0, end - time.monotonic())))
        return received + _drain(selector, 0.0)


def _drain(selector: selectors.BaseSelector, wait_s: float) -> int:
    count = 0
    for key, _ in selector.select(wait_s):
        with suppress(BlockingIOError):
            while True:
                key.data.recv(2048)
                count += 1
    return count

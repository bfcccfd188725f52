"""Damaged copies of everything that phones and carriers send: no fault, no call lost to it, every record written."""

from __future__ import annotations

import asyncio
import random

import pytest

from pbx.inbox import HangUpOrder
from pbx.reasons import Reason
from sip.commands import Respond, SendInDialog
from sip.errors import LocalError
from sip.events import InviteAnswered, InviteReceived
from sip.flow import Address
from tests.fakes.assault import twist
from tests.fakes.demo import demo_snapshot
from tests.fakes.mutator import mutate
from tests.fakes.switchboard import SERVER, Phone, Switchboard, sdp
from tests.fakes.virtual_loop import run_virtually


def damage_body(rng: random.Random, data: bytes) -> bytes:
    """The same message with a damaged description, and a Content-Length that fits it."""
    head, _, body = data.partition(b"\r\n\r\n")
    body = mutate(rng, body) if body else b""
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


DAMAGES = (mutate, twist, damage_body)


class Storm:
    """A switchboard whose network adds damaged copies of what goes to the server."""

    def __init__(self, seed: int, share: float) -> None:
        self.rng = random.Random(seed)
        self.share = share
        self.board = Switchboard(demo_snapshot())
        self._carry = self.board.network.carry
        self.board.network.carry = self._add  # type: ignore[method-assign]
        self.added = 0

    def _add(self, data: bytes, source: Address, to: Address) -> None:
        rng = self.rng
        while to == SERVER and rng.random() < self.share:
            damaged = rng.choice(DAMAGES)(rng, data)
            if rng.random() < 0.3:
                damaged = twist(rng, damaged)
            self.added += 1
            self._carry(damaged, source, to)
        self._carry(data, source, to)

    async def call(self, caller: Phone, callee: Phone, number: str, *, password: bool) -> None:
        """A call that goes as far as the storm lets it."""
        try:
            async with asyncio.timeout(40):
                usage = await caller.invite(number, password=password)
                incoming = await callee.expect(InviteReceived, 10)
                callee.refuse_usage(incoming.usage, 180)
                callee.answer(incoming)
                await caller.expect(InviteAnswered, 10)
                for method in ("INVITE", "UPDATE", "INFO"):
                    caller.send(SendInDialog(usage=usage, method=method, body=sdp("10.9.9.9", 4000)))
                    await asyncio.sleep(1)
                caller.hang_up(usage)
                await asyncio.sleep(1)
        except (TimeoutError, LocalError, pytest.fail.Exception, AssertionError):
            return  # A damaged copy was taken for the original: that is the storm's right.

    def clear(self, phone: Phone) -> None:
        """Refuse and end whatever the storm brought to a phone."""
        for usage in list(phone.stack._core.usages):
            for attempt in (phone.hang_up, phone.cancel, lambda one: phone.send(Respond(usage=one, status=480))):
                try:
                    attempt(usage)
                except LocalError:
                    continue
        phone.events.clear()


async def storm(seed: int, share: float) -> None:
    weather = Storm(seed, share)
    board = weather.board
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    carrier, peer = board.phone("load-in", "10.0.1.1"), board.phone("load-out", "10.0.2.1")
    for _ in range(3):
        for phone in (ann, ben):
            try:
                await phone.register()
            except (StopIteration, AssertionError, pytest.fail.Exception):
                continue
        await weather.call(carrier, peer, "9001", password=False)
        await weather.call(ann, ben, "1002", password=True)
        await weather.call(carrier, peer, "9005", password=False)
    weather.share = 0.0
    # What the storm set up outlives it: the far ends know nothing of it, and an administrator ends it.
    for _ in range(3):
        for phone in (ann, ben, carrier, peer):
            weather.clear(phone)
        await asyncio.sleep(70)
    for session in list(board.node.sessions):
        session.post(HangUpOrder(Reason.SUPERVISOR_RELEASE))
    await board.settled()
    assert weather.added > 20


@pytest.mark.parametrize("seed", range(12))
def test_calls_through_a_storm(seed: int) -> None:
    run_virtually(storm(seed, share=0.6))

"""Calls over a wire that loses, doubles and reorders: both sides end, and agree whether there was an answer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.commands import Bye, Cancel, Respond, SendInDialog, SendInvite
from sip.errors import LocalError
from sip.events import (
    AckMissing,
    AckReceived,
    ByeReceived,
    DialogLost,
    DialogRequest,
    InviteAnswered,
    InviteCancelled,
    InviteFailed,
    InviteReceived,
    ReinviteReceived,
    UpdateReceived,
)
from sip.flow import Target
from tests.fakes.wire import Station, Wire, random_copies, random_loss

SDP = b"v=0\r\n"


class Side:
    """One end of a call: what it was told."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.usage = 0
        self.answered = False
        self.over = False
        self.missed_ack = False
        self.asleep = False
        """A call that comes now is refused."""

    def send(self, command: Respond | Bye | Cancel | SendInDialog) -> None:
        self.station.stack.send(command, self.station.wire.now)

    def read(self, rng: random.Random) -> None:
        """Take all events, and answer what asks for an answer."""
        while self.station.events:
            event = self.station.events.pop(0)
            if isinstance(event, InviteReceived):
                self.usage = event.usage
                if self.asleep:
                    self.send(Respond(usage=event.usage, status=480))
                    self.over = True
            elif isinstance(event, InviteAnswered | AckReceived):
                self.answered = True
            elif isinstance(event, ByeReceived | InviteFailed | InviteCancelled | DialogLost):
                self.over = True
            elif isinstance(event, AckMissing):
                self.missed_ack = True
                self.send(Bye(usage=event.usage))
                self.over = True
            elif isinstance(event, ReinviteReceived | UpdateReceived):
                status = rng.choice((200, 200, 488))
                self.send(Respond(tx=event.tx, status=status, body=SDP if status == 200 else b""))
            elif isinstance(event, DialogRequest):
                self.send(Respond(tx=event.tx, status=200))


class Play:
    """One call with a random plot."""

    def __init__(self, seed: int, loss: float, duplicates: float, jitter_s: float) -> None:
        self.rng = random.Random(seed)
        copies = random_copies(seed + 1, duplicates, jitter_s)
        self.wire = Wire(loss=random_loss(seed + 2, loss), copies=copies)
        self.ann = Side(self.wire.station("ann", ("10.0.0.1", 5060)))
        self.ben = Side(self.wire.station("ben", ("10.0.0.2", 5060)))
        self.accepted = False
        self.cancelled = False

    def wait(self, seconds: float) -> None:
        end = self.wire.now + seconds
        while self.wire.now < end:
            self.wire.run(min(end, self.wire.now + 0.25))
            for side in (self.ann, self.ben):
                side.read(self.rng)

    def run(self) -> None:
        rng = self.rng
        invite = SendInvite(
            target=Target("10.0.0.2"), uri="sip:ben@10.0.0.2", from_="<sip:ann@a>", to="<sip:ben@b>", contact_user="a",
            body=SDP,
        )  # fmt: skip
        self.ann.usage = self.ann.station.stack.send(invite, self.wire.now)
        self.wait(rng.random() * 5)
        if self.ben.usage:
            self.ben.send(Respond(usage=self.ben.usage, status=180))
            self.wait(rng.random() * 5)
        if rng.random() < 0.2:
            self.ann.send(Cancel(usage=self.ann.usage))
            self.cancelled = True
            self.wait(rng.random() * 2)
        if self.ben.usage and not self.ben.over:
            status = 200 if rng.random() < 0.8 else 486
            self.ben.send(Respond(usage=self.ben.usage, status=status, body=SDP if status == 200 else b""))
            self.accepted = status == 200
            self.ben.over = self.ben.over or status != 200
        self.ben.asleep = True
        self.wait(rng.random() * 10)
        for _ in range(rng.randrange(4)):
            self.ask_within(rng.choice((self.ann, self.ben)), rng.choice(("INVITE", "UPDATE", "INFO")))
            self.wait(rng.random() * 3)
        for side in rng.sample((self.ann, self.ben), 2):
            self.hang_up(side)
            self.wait(rng.random() * 0.2)
        self.wait(150)

    def ask_within(self, side: Side, method: str) -> None:
        if side.answered and not side.over:
            try:
                side.send(SendInDialog(usage=side.usage, method=method, body=b"" if method == "INFO" else SDP))
            except LocalError:
                return  # Its own offer is still out, or the far end's: a phone waits.

    def hang_up(self, side: Side) -> None:
        if side.over or not side.usage:
            return
        if side is self.ann and not side.answered:
            self.cancelled = True
            side.send(Cancel(usage=side.usage))
            side.over = True
        elif side is self.ann or self.accepted:
            side.send(Bye(usage=side.usage))
            side.over = True

    def check(self) -> None:
        for side in (self.ann, self.ben):
            census = side.station.stack.census()
            assert set(census.values()) == {0}, f"{side.station.name} keeps {census}\n{self.wire}"
            assert side.over or not side.usage or (side is self.ann and self.cancelled), (
                f"{side.station.name}\n{self.wire}"
            )
        if self.ann.answered:
            assert self.accepted, f"an answer out of nowhere\n{self.wire}"
        if self.ben.answered and not self.cancelled:
            assert self.ann.answered, f"Ben was acknowledged, Ann knows of no answer\n{self.wire}"
        if self.accepted and not self.ann.answered and not self.cancelled:
            # Only where not one of the eleven 2xx came through.
            assert self.ben.missed_ack or self.ben.over, str(self.wire)


@pytest.mark.parametrize("seed", range(120))
def test_calls_over_a_bad_wire(seed: int) -> None:
    rng = random.Random(seed)
    play = Play(seed, loss=rng.choice((0.05, 0.1, 0.2, 0.4)), duplicates=rng.random() * 0.5, jitter_s=rng.random() * 2)
    play.run()
    play.check()


@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0.05, 0.4),
    duplicates=st.floats(0, 0.6),
    jitter_s=st.floats(0, 3),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_calls_over_any_wire(seed: int, loss: float, duplicates: float, jitter_s: float) -> None:
    play = Play(seed, loss, duplicates, jitter_s)
    play.run()
    play.check()


def test_calls_over_a_good_wire_are_all_set_up() -> None:
    """Without loss the plot is what happens: nobody misses an ACK."""
    for seed in range(40):
        play = Play(seed, 0.0, 0.3, 0.02)
        play.run()
        play.check()
        assert not play.ann.missed_ack
        assert not play.ben.missed_ack

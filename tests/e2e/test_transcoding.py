"""Phones without a common codec call each other, and hear each other all the same."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.baresip import Baresip
from tests.e2e.ports import Ports
from tests.e2e.server import CallBook, Server
from tests.e2e.sound import RATE_HZ, likeness

G722, OPUS = "G722/16000/1", "opus/48000/2"
TALK_S, SETTLED_S = 8.0, 3.0
"""The delay is adjusted in the beginning, and what is played there is a little shorter than what was said."""
NOT_HEARD = 0.3


def heard(codecs: tuple[str, str]) -> float:
    """How alike what one says and the other hears must be.

    Opus keeps how noise sounds, and not its waveform; between two sample rates its highest part is lost.
    """
    return 0.6 if OPUS in codecs else 0.75 if G722 in codecs else 0.9


@pytest.mark.parametrize(("one", "other"), [("PCMU", "PCMA"), ("PCMA", G722), (OPUS, "PCMU"), (G722, OPUS)])
def test_each_is_turned_into_the_other(
    demo: Server, book: CallBook, ports: Ports, tmp_path: Path, one: str, other: str
) -> None:
    with ExitStack() as started:
        pair = []
        for extension, seed, codec in (("1006", 6, one), ("1007", 7, other)):
            phone = Baresip(demo, ports, tmp_path, extension, seed=seed, codec=codec)
            started.callback(phone.close)
            phone.start()
            pair.append(phone)
        ann, ben = pair
        ann.dial(ben.extension)
        for phone in pair:
            phone.wait_event("CALL_ESTABLISHED")
        for phone in pair:
            phone.wait_recorded(TALK_S)
        ann.hang_up()
        for phone in pair:
            phone.wait_event("CALL_CLOSED")
        for phone, far in ((ann, ben), (ben, ann)):
            recording = phone.take_recording()[int(SETTLED_S * RATE_HZ) :]
            assert likeness(recording, far.played) > heard((one, other))
            assert likeness(recording, phone.played) < NOT_HEARD
        row = book.one()
        assert (row["result"], row["loss_pct"]) == ("answered", 0)
        assert row["codec"].lower() in one.lower()

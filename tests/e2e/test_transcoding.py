"""Phones without a common codec call each other, and hear speech as well as the two codings in a row leave it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from pesq import pesq  # type: ignore[import-untyped]

from tests.e2e.baresip import Baresip
from tests.e2e.ports import Ports
from tests.e2e.server import CallBook, Server
from tests.e2e.sound import RATE_HZ, Samples
from tests.media.audio_chain import by_ffmpeg
from tests.media.speech import speech

TALK_S, SETTLED_S = 10.0, 3.0
"""The delay is adjusted in the beginning, and what is played there is a little shorter than what was said."""
WITHIN = 0.1
TRIES = 4
"""A machine that is busy with others lets a phone play and hear late, which is no fault of the codings."""
PROMPTS = ("agent-loginok", "conf-adminmenu", "vm-intro", "vm-options")

# As the phone calls it -> as the chain of FFmpeg's coders does.
CODINGS = {"PCMU": "PCMU", "PCMA": "PCMA", "G722/16000/1": "G722", "opus/48000/2": "Opus 48"}


def words(turn: int) -> Samples:
    """A minute of recorded speech; each turn begins elsewhere."""
    spoken = np.concatenate([speech(name) for name in PROMPTS]).astype(np.float64) / 32768
    return np.roll(np.tile(spoken, 5), -turn * 3 * RATE_HZ)[: 60 * RATE_HZ]


def as_int16(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.round(samples * 32767).astype(np.int16)


def said_as(heard: Samples, played: Samples) -> Samples:
    """The part of what was played that a recording holds."""
    size = 1 << (len(heard) + len(played)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(played, size) * np.conj(np.fft.rfft(heard, size)), size)
    at = int(np.argmax(alike[: len(played) - len(heard)]))
    return played[at : at + len(heard)]


def shortfall(heard: Samples, played: Samples, codings: list[str]) -> float:
    """How much worse than by FFmpeg's coders, one after the other: a difference of PESQ scores."""
    heard = heard[int(SETTLED_S * RATE_HZ) :]
    said = as_int16(said_as(heard, played))
    chain = by_ffmpeg(codings, said[: len(said) // 960 * 960])
    ours = pesq(RATE_HZ, said, as_int16(heard), "nb")
    theirs = pesq(RATE_HZ, said[: len(chain)], chain, "nb")
    return float(theirs - ours)


def talk(ann: Baresip, ben: Baresip, codecs: tuple[str, str]) -> float:
    """One call; how much worse than it could be the worse side hears."""
    ann.dial(ben.extension)
    for phone in (ann, ben):
        phone.wait_event("CALL_ESTABLISHED")
    for phone in (ann, ben):
        phone.wait_recorded(TALK_S)
    ann.hang_up()
    for phone in (ann, ben):
        phone.wait_event("CALL_CLOSED")
    worst = 0.0
    for talker, listener, way in ((ann, ben, codecs), (ben, ann, codecs[::-1])):
        heard = listener.take_recording()
        # baresip 1.0 makes 16 kHz of its file by doubling samples: what it says in G.722 is no measure.
        if not way[0].startswith("G722"):
            worst = max(worst, shortfall(heard, talker.played, [CODINGS[codec] for codec in way]))
    return worst


@pytest.mark.parametrize(
    ("one", "other"),
    [("PCMU", "PCMA"), ("PCMA", "G722/16000/1"), ("opus/48000/2", "PCMU"), ("G722/16000/1", "opus/48000/2")],
)
def test_each_is_turned_into_the_other(
    demo: Server, book: CallBook, ports: Ports, tmp_path: Path, one: str, other: str
) -> None:
    with ExitStack() as started:
        pair = []
        for extension, turn, codec in (("1006", 0, one), ("1007", 1, other)):
            phone = Baresip(demo, ports, tmp_path, extension, seed=turn, codec=codec, played=words(turn))
            started.callback(phone.close)
            phone.start()
            pair.append(phone)
        ann, ben = pair
        for calls in range(1, TRIES + 1):
            worst = talk(ann, ben, (one, other))
            row = book.wait(calls)[-1]
            assert (row["result"], row["loss_pct"]) == ("answered", 0)
            assert row["codec"].lower() in one.lower()
            if worst < WITHIN:
                break
        assert worst < WITHIN

"""Softphones that others wrote call each other, and hear what the other one plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest

from media.audio_file import read_audio
from tests.e2e.baresip import Baresip
from tests.e2e.linphone import Linphone
from tests.e2e.ports import Ports
from tests.e2e.server import ROOT, CallBook, Row, Server
from tests.e2e.sound import RATE_HZ, likeness, read_wav

TALK_S = 4.0
HEARD = 0.9
NOT_HEARD = 0.3


@pytest.fixture(scope="module")
def baresips(demo: Server, ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Baresip, Baresip]]:
    """Two baresips that are registered as 1006 and 1007."""
    folder = tmp_path_factory.mktemp("baresips")
    with ExitStack() as started:
        pair = []
        for extension, seed in (("1006", 6), ("1007", 7)):
            phone = Baresip(demo, ports, folder, extension, seed=seed)
            started.callback(phone.close)
            pair.append(phone)
        for phone in pair:
            phone.start()
        yield pair[0], pair[1]


def talk(ann: Baresip, ben: Baresip, ends: Baresip) -> None:
    """One phone calls the other, they talk, one of them ends it."""
    ann.dial(ben.extension)
    for phone in (ann, ben):
        phone.wait_event("CALL_ESTABLISHED")
    for phone in (ann, ben):
        phone.wait_recorded(TALK_S)
    ends.hang_up()
    for phone in (ann, ben):
        phone.wait_event("CALL_CLOSED")


def check_sound(ann: Baresip, ben: Baresip) -> None:
    for phone, other in ((ann, ben), (ben, ann)):
        recording = phone.take_recording()
        assert likeness(recording, other.played) > HEARD
        assert likeness(recording, phone.played) < NOT_HEARD


def check_record(row: Row, ann: Baresip, ben: Baresip, party: str) -> None:
    assert (row["caller_original"], row["called_original"]) == (ann.extension, ben.extension)
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "normal", party)
    assert row["codec"] in ("PCMU", "PCMA")
    assert row["loss_pct"] == 0
    assert row["talk_ms"] >= TALK_S * 900
    assert row["mos"] > 4


def test_the_caller_hangs_up(book: CallBook, baresips: tuple[Baresip, Baresip]) -> None:
    ann, ben = baresips
    talk(ann, ben, ends=ann)
    check_sound(ann, ben)
    check_record(book.one(), ann, ben, "caller")


def test_the_callee_hangs_up(book: CallBook, baresips: tuple[Baresip, Baresip]) -> None:
    ben, ann = baresips
    talk(ann, ben, ends=ben)
    check_sound(ann, ben)
    check_record(book.one(), ann, ben, "callee")


def test_hold_and_resume(book: CallBook, baresips: tuple[Baresip, Baresip]) -> None:
    """Re-INVITEs of a phone: the other hears music while the call is held, and the rest of the call afterwards."""
    ann, ben = baresips
    ann.dial(ben.extension)
    for phone in (ann, ben):
        phone.wait_event("CALL_ESTABLISHED")
        phone.wait_recorded(1.0)
    ann.hold()
    ann.wait_event("CALL_REMOTE_SDP")
    held_s = ben.recorded_s()
    ben.wait_recorded(held_s + 4.0)
    ann.resume()
    ann.wait_event("CALL_REMOTE_SDP")
    resumed_s = ben.recorded_s()
    ben.wait_recorded(resumed_s + 4.0)
    ann.hang_up()
    for phone in (ann, ben):
        phone.wait_event("CALL_CLOSED")
    # baresip 1.0 takes the packets after its own hold, but decodes them no more: only the other one records.
    ann.take_recording()
    heard = ben.take_recording()
    # A second after each change: what was on its way, and what the phone keeps in its buffer.
    music = heard[round((held_s + 1) * RATE_HZ) : round(resumed_s * RATE_HZ)]
    piece = read_audio(ROOT / "sounds/music/hold.flac", RATE_HZ).astype(np.float64)
    # It goes round, and where it was at the hold is by chance.
    assert likeness(music, np.concatenate([piece, piece[: len(music)]])) > HEARD
    assert likeness(heard[round((resumed_s + 1) * RATE_HZ) :], ann.played) > HEARD
    row = book.one()
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "normal", "caller")
    assert row["hold_count"] == 1
    assert row["hold_ms"] >= 3000


def test_the_echo(demo: Server, book: CallBook, baresips: tuple[Baresip, Baresip]) -> None:
    ann, _ = baresips
    ann.dial("*60")
    ann.wait_event("CALL_ESTABLISHED")
    ann.wait_recorded(TALK_S)
    ann.hang_up()
    ann.wait_event("CALL_CLOSED")
    assert likeness(ann.take_recording(), ann.played) > HEARD
    row = book.one()
    assert (row["result"], row["hangup_party"], row["destination"]) == ("answered", "caller", "echo")


def test_the_announcement(book: CallBook, baresips: tuple[Baresip, Baresip]) -> None:
    """A number that nobody has: the prompt is heard before the call fails."""
    ann, _ = baresips
    ann.dial("5999")
    ann.wait_event("CALL_CLOSED")
    assert likeness(ann.take_recording(), read_wav(ROOT / "sounds/en/not-in-service.wav")) > HEARD
    row = book.one()
    assert (row["result"], row["sip_code"], row["talk_ms"]) == ("failed", 404, 0)


def test_linphone_calls_baresip(
    demo: Server, book: CallBook, ports: Ports, tmp_path: Path, baresips: tuple[Baresip, Baresip]
) -> None:
    _, ben = baresips
    with closing(Linphone(demo, ports, tmp_path, "1008", seed=8)) as ann:
        ann.start()
        ann.dial(ben.extension)
        ben.wait_event("CALL_ESTABLISHED")
        ben.wait_recorded(TALK_S + 1)
        ann.hang_up()
        ben.wait_event("CALL_CLOSED")
        heard = ben.take_recording()
        assert likeness(heard, ann.played) > HEARD
        assert likeness(heard, ben.played) < NOT_HEARD
        assert likeness(ann.recording(), ben.played) > HEARD
    row = book.one()
    assert (row["caller_original"], row["called_original"]) == ("1008", ben.extension)
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "normal", "caller")
    assert row["codec"] in ("PCMU", "PCMA")

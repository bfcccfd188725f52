"""A conference of real phones, and the number that says one's own."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.baresip import Baresip
from tests.e2e.ports import Ports
from tests.e2e.server import CallBook, Server
from tests.e2e.sound import RATE_HZ, likeness, noise_speech, write_wav
from tests.e2e.test_command import cordboard

pytestmark = pytest.mark.e2e


def ask(server: Server, *arguments: str) -> dict[str, Any]:
    done = cordboard("conferences", *arguments, "--data", str(server.data), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_commands(server: Server) -> None:
    """Who is there is listed; a member is muted, and one that is not there is refused."""
    (room,) = ask(server)["items"]
    assert (room["room"], [one["number"] for one in room["members"]]) == ("8000", ["1006", "1007", "1008"])
    assert all(one["talking"] for one in room["members"])
    leg = room["members"][0]["leg"]
    for action, muted in (("mute", True), ("unmute", False)):
        assert ask(server, action, "8000", leg, "--tenant", "demo")["muted"] is muted
    done = cordboard("conferences", "kick", "8000", "NOBODY", "--tenant", "demo", "--data", str(server.data))
    assert (done.returncode, "is not in conference 8000" in done.stderr) == (1, True)


def test_three_phones_hear_each_other_and_not_themselves(
    demo: Server, book: CallBook, ports: Ports, tmp_path: Path
) -> None:
    with ExitStack() as started:
        phones = []
        for number, extension in enumerate(("1006", "1007", "1008")):
            phone = Baresip(demo, ports, tmp_path, extension, seed=60 + number)
            started.callback(phone.close)
            phone.start()
            phones.append(phone)
        for phone in phones:
            phone.dial("8000")
            phone.wait_event("CALL_ESTABLISHED")
        # The last one to come has heard enough of the others; what was before is cut off below.
        phones[-1].wait_recorded(5.0)
        check_commands(demo)
        phones[-1].wait_recorded(phones[-1].recorded_s() + 5.0)
        for phone in phones:
            phone.hang_up()
            phone.wait_event("CALL_CLOSED")
        last = phones[-1].take_recording()[RATE_HZ : 5 * RATE_HZ]
        matches = [likeness(last, phone.played) for phone in phones]
        assert min(matches[:2]) > 0.3, matches
        assert matches[2] < 0.15, matches
        for number, phone in enumerate(phones[:2]):
            heard = phone.take_recording()
            part = heard[-4 * RATE_HZ : -RATE_HZ]
            matches = [likeness(part, one.played) for one in phones]
            assert matches[number] < 0.15, matches
            assert all(match > 0.25 for place, match in enumerate(matches) if place != number), matches
    assert [row["result"] for row in book.wait(3)] == ["answered"] * 3


def test_ones_own_number_is_said(tmp_path: Path, ports: Ports) -> None:
    """Each digit is a recording of its own; the phone hears them in order, without gaps, twice."""
    folder = tmp_path / "data/sounds/en"
    folder.mkdir(parents=True)
    parts = {name: noise_speech(seed, 0.5) for seed, name in enumerate(("your-number-is", "number-1", "number-0"), 70)}
    parts["number-6"] = noise_speech(73, 0.5)
    for name, sound in parts.items():
        write_wav(folder / f"{name}.wav", sound)
    names = ("your-number-is", "number-1", "number-0", "number-0", "number-6")
    said = np.concatenate([parts[name] for name in names] * 2)
    with ExitStack() as stack:
        server = Server(tmp_path, ports, "--demo")
        stack.callback(server.end)
        server.start()
        ann = Baresip(server, ports, tmp_path, "1006", seed=6)
        stack.callback(ann.close)
        ann.start()
        ann.dial("*62")
        ann.wait_event("CALL_CLOSED")
        heard = ann.take_recording()
        assert len(heard) > 4 * RATE_HZ
        assert likeness(heard, said) > 0.9
        server.end()
        server.check_log()

"""Tables and pages for people."""

from __future__ import annotations

import pytest

from cli.status import page
from cli.table import duration, table
from cli.trace import story


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (3600, "1 h 00 min"), (90000, "1 d 1 h")],
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_columns() -> None:
    assert table(("name", "n"), [("a", 5), (None, 12)]) == "name   n\na      5\n-     12"
    assert table(("name", "n"), []) == "name  n"
    assert "\x1b" not in table(("name",), [("\x1b[31mred\n",)])


def test_a_story_cannot_drive_the_terminal() -> None:
    call = {"id": "C", "from": "a\x1b[2J", "to": "b", "tenant": "t", "direction": "internal", "state": "up"}
    found = {
        "call": {**call, "since": "s", "seconds": 1, "legs": []},
        "ladder": ["\x07"],
        "messages": [
            {"at": "t", "way": "in", "transport": "UDP", "local": "l", "remote": "r", "text": "X: \x1b]0;y\r\nZ: 1"}
        ],
        "cut": True,
    }
    told = story(found)
    assert all(letter.isprintable() or letter == "\n" for letter in told)
    assert "    Z: 1" in told


def test_troubles_come_first() -> None:
    found = {
        "version": "1",
        "node": "n",
        "uptime_s": 5,
        "draining": True,
        "calls": 0,
        "legs": 0,
        "registrations": 0,
        "loop_lag_ms": {"p99": 0.1, "worst": 0.2},
        "ports": {"used": 0, "free": 1},
        "media_workers": {"up": 0, "wanted": 1, "lost": 2},
        "codecs": {"decoded": ["pcmu"], "missing": {"opus": "libopus.so.0 is not installed"}},
        "spool": {"full": True, "error": "no space", "events_behind": None},
        "records": {"answers": False, "error": "e", "restarts": 1},
        "trace": {"on": True, "messages": 1, "dropped": 2, "error": "slow"},
        "sip": {"kernel_drops": 4},
        "faults": 1,
        "refused": {"503": 2},
        "wrong_passwords": 3,
        "overload": {},
        "ended": [],
    }
    lines = page(found).splitlines()
    assert len([line for line in lines if line.startswith("! ")]) == 11
    assert [line.startswith("! ") for line in lines[1:12]] == [True] * 11
    assert "  refused        503 x 2; wrong passwords 3" in lines

"""Every way in which a call ends, with SIPp on both sides: what the phones see, and what the record says."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Phones
from tests.e2e.server import CallBook, Row, Server


def ending(row: Row) -> tuple[object, ...]:
    """The columns of a record that say how it ended."""
    return tuple(row[name] for name in ("result", "reason", "hangup_party", "sip_code", "q850"))


def test_the_caller_hangs_up(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_answers")
    ann.call("1002", "caller_hangs_up", hold_ms="700")
    ann.finish()
    ben.finish()
    row = book.one()
    assert ending(row) == ("answered", "normal", "caller", None, 16)
    assert (row["caller_original"], row["called_original"], row["codec"]) == ("1001", "1002", "PCMU")
    assert row["talk_ms"] >= 600
    assert row["total_ms"] == row["ring_ms"] + row["talk_ms"] + row["other_ms"]


def test_the_callee_hangs_up(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_hangs_up")
    ann.call("1002", "caller_hears_bye")
    ben.finish()
    ann.finish()
    assert ending(book.one()) == ("answered", "normal", "callee", None, 16)


@pytest.mark.parametrize(
    ("status", "result", "reason", "q850"), [(486, "busy", "busy", 17), (603, "missed", "rejected", 21)]
)
def test_the_callee_refuses(
    demo: Server, book: CallBook, phones: Phones, status: int, result: str, reason: str, q850: int
) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_refuses", status=str(status))
    ann.call("1002", "caller_is_refused", status=str(status))
    ann.finish()
    ben.finish()
    assert ann.statuses()[-2:] == [180, status]
    assert f"Reason: Q.850;cause={q850}" in ann.messages
    assert ending(book.one()) == (result, reason, "callee", status, q850)


def test_the_caller_gives_up(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_is_cancelled")
    ann.call("1002", "caller_cancels")
    ann.finish()
    ben.finish()
    assert ending(book.one()) == ("abandoned", "caller_cancelled", "caller", 487, 16)

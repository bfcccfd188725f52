"""Every way in which a call ends, with SIPp on both sides: what the phones see, and what the record says."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import QUICK, Phones, Servers
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


def test_two_devices_ring_and_one_answers(demo: Server, book: CallBook, phones: Phones) -> None:
    ann = phones.sipp(demo, "1001")
    desk, cell = phones.sipp(demo, "1002", registered=True), phones.sipp(demo, "1002", registered=True)
    elsewhere = 'SIP;cause=200;text="Call completed elsewhere"'
    cell.expect_call("callee_is_cancelled", reason=elsewhere)
    desk.expect_call("callee_answers", ring_ms="800")
    ann.call("1002", "caller_hangs_up")
    for phone in (ann, desk, cell):
        phone.finish()
    assert f"Reason: {elsewhere}" in cell.messages
    row = book.one()
    assert ending(row) == ("answered", "normal", "caller", None, 16)
    caller, *callees = demo.legs(row["call_id"])
    assert caller["reason"] == "normal"
    assert sorted(leg["reason"] for leg in callees) == ["normal", "picked_up"]


def test_nobody_answers(servers: Servers, phones: Phones) -> None:
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    ann, ben = phones.sipp(server, "1001"), phones.sipp(server, "1002", registered=True)
    ben.expect_call("callee_is_cancelled", reason="Q.850;cause=19")
    ann.call("1002", "caller_is_refused", status="480")
    ann.finish()
    ben.finish()
    row = book.one()
    assert ending(row) == ("missed", "no_answer", "system", 480, 19)
    assert 1_900 <= row["ring_ms"] <= 10_000


def test_the_callee_is_not_registered(demo: Server, book: CallBook, phones: Phones) -> None:
    ann = phones.sipp(demo, "1001")
    ann.call("1009", "caller_is_refused", status="480")
    ann.finish()
    assert ending(book.one()) == ("missed", "offline", "system", 480, 20)


def test_the_callee_was_switched_off(demo: Server, book: CallBook, phones: Phones) -> None:
    """The port of the binding is closed: the network says so (ICMP), and nobody waits 32 s for the time-out."""
    ann = phones.sipp(demo, "1001")
    phones.sipp(demo, "1002", registered=True)
    ann.call("1002", "caller_is_refused", status="480")
    ann.finish()
    row = book.one()
    assert ending(row) == ("missed", "offline", "system", 480, 20)
    assert row["total_ms"] < 20_000


def test_sound_before_the_answer(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_plays_early")
    ann.call("1002", "caller_hears_early_answer")
    ann.finish()
    ben.finish()
    row = book.one()
    assert ending(row) == ("answered", "normal", "caller", None, 16)
    assert [leg["early_media"] for leg in demo.legs(row["call_id"])] == [0, 1]


def test_a_number_that_nobody_has(demo: Server, book: CallBook, phones: Phones) -> None:
    """The announcement comes before the answer, so it costs nothing; then 404."""
    ann = phones.sipp(demo, "1001")
    ann.call("5999", "caller_hears_early", status="404")
    ann.finish()
    row = book.one()
    assert ending(row) == ("failed", "invalid_number", "system", 404, 1)
    assert row["talk_ms"] == 0
    (leg,) = demo.legs(row["call_id"])
    assert leg["packets_out"] > 25, "half a second of sound"


def test_a_wrong_password_makes_no_call(demo: Server, book: CallBook, phones: Phones) -> None:
    ann = phones.sipp(demo, "1001", password="demo-1002")
    ann.call("1002", "caller_wrong_password")
    ann.finish()
    assert ann.statuses().count(401) == 2
    good = phones.sipp(demo, "1001")
    good.call("1009", "caller_is_refused", status="480")
    good.finish()
    # The records come in order: had there been one of the refused INVITE, it would be here.
    assert book.one()["reason"] == "offline"


def test_an_answer_that_crosses_the_cancel(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_answers_late")
    ann.call("1002", "caller_cancels")
    ann.finish()
    ben.finish()
    assert ending(book.one()) == ("abandoned", "caller_cancelled", "caller", 487, 16)

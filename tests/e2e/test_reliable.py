"""Reliable provisional responses and session timers with SIPp on both sides."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Phones
from tests.e2e.server import CallBook, Server


@pytest.mark.parametrize("callee", ["callee_plays_early_reliably", "callee_plays_early"])
def test_a_caller_that_requires_100rel(demo: Server, book: CallBook, phones: Phones, callee: str) -> None:
    """Its early sound is acknowledged by PRACK, whether or not the other phone knows how."""
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call(callee, ring_ms="600")
    ann.call("1002", "caller_requires_100rel")
    ann.finish()
    ben.finish()
    row = book.one()
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "normal", "caller")


def test_a_callee_that_uses_100rel(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.sipp(demo, "1001"), phones.sipp(demo, "1002", registered=True)
    ben.expect_call("callee_plays_early_reliably")
    ann.call("1002", "caller_hears_early_answer")
    ann.finish()
    ben.finish()
    assert "PRACK sip:" not in ann.messages
    assert book.one()["result"] == "answered"

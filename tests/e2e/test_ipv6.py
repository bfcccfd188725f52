"""Calls over IPv6."""

from __future__ import annotations

from tests.e2e.conftest import Phones, Servers
from tests.e2e.server import CallBook


def test_calls_over_ipv6(servers: Servers, phones: Phones) -> None:
    """The echo and a call between two phones on [::1], by a server that listens on both families."""
    server = servers.start("--demo", host="::1", listen="127.0.0.1,::1")
    book = CallBook(server)
    ann, ben = phones.sipp(server, "1001"), phones.sipp(server, "1002", registered=True)
    ann.call("*60", "caller_hangs_up")
    ann.finish()
    assert "c=IN IP6 ::1" in ann.messages.partition("SIP/2.0 200 OK")[2], ann.messages
    ben.expect_call("callee_answers")
    ann.call("1002", "caller_hangs_up")
    ann.finish()
    ben.finish()
    rows = book.wait(2)
    assert [(row["called_original"], row["result"]) for row in rows] == [("*60", "answered"), ("1002", "answered")]
    assert all(row["source"].startswith("[::1]:") for row in rows)

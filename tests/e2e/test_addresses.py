"""Addresses: a server on all of them speaks to each phone from the one that the phone knows; IPv6 beside IPv4."""

from __future__ import annotations

from tests.e2e.conftest import QUICK, Phones, Servers
from tests.e2e.rtp_stream import wait_for_sound
from tests.e2e.script_phone import talk
from tests.e2e.server import CallBook


def test_a_server_on_all_addresses(servers: Servers, phones: Phones) -> None:
    """127.0.0.2 is one of this machine's addresses, and not the one that the kernel would choose by itself."""
    server = servers.start("--apply", str(QUICK), host="127.0.0.2", listen="0.0.0.0")
    book = CallBook(server)
    caller, callee = phones.sipp(server, "1003"), phones.sipp(server, "1002", registered=True)
    callee.expect_call("callee_answers")
    caller.call("1002", "caller_hangs_up")
    caller.finish()
    callee.finish()
    assert book.one()["result"] == "answered"
    assert "c=IN IP4 127.0.0.2" in caller.messages.partition("SIP/2.0 200 OK")[2], caller.messages

    ann, ben = phones.scripted(server, "1001"), phones.scripted(server, "1003", registered=True)
    usage, _ = talk(ann, ben)
    wait_for_sound(ann.rtp, ben.rtp.id)
    wait_for_sound(ben.rtp, ann.rtp.id)
    for phone in (ann, ben):
        assert phone.rtp.to is not None
        assert phone.rtp.to[0] == "127.0.0.2"
    ann.hang_up(usage)
    assert [row["result"] for row in book.wait(2)] == ["answered"] * 2


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

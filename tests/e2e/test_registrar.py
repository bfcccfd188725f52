"""The registrar as sipsak and SIPp meet it, and what a crash leaves of it."""

from __future__ import annotations

import re

from tests.e2e.conftest import Phones, Servers
from tests.e2e.server import CallBook, Server
from tests.e2e.sipsak import register
from tests.e2e.wait import wait_until


def test_register_ask_and_unregister(demo: Server) -> None:
    desk, cell = "sip:1005@127.0.0.1:15090", "sip:1005@127.0.0.1:15092"
    assert register(demo, "1005", desk, 120).status == 0
    assert register(demo, "1005", cell, 120).contacts == {desk, cell}
    asked = register(demo, "1005", "empty", None)
    assert asked.status == 0
    assert asked.contacts == {desk, cell}
    assert register(demo, "1005", cell, 0).contacts == {desk}
    wait_until(lambda: [row["binding"] for row in demo.bindings() if row["device"] == "1005"] == [desk], 20, "one row")
    assert register(demo, "1005", desk, 120).status == 0
    everything = register(demo, "1005", "*", 0)
    assert (everything.status, everything.contacts) == (0, set())
    wait_until(lambda: not [row for row in demo.bindings() if row["device"] == "1005"], 20, "no row")


def test_a_time_too_short(demo: Server) -> None:
    answer = register(demo, "1005", "sip:1005@127.0.0.1:15090", 10)
    assert answer.status != 0
    assert answer.last.startswith("SIP/2.0 423 Interval Too Brief")
    assert "Min-Expires: 60" in answer.last
    assert register(demo, "1005", "empty", None).contacts == set()


def test_a_wrong_password(demo: Server) -> None:
    answer = register(demo, "1005", "sip:1005@127.0.0.1:15090", 120, password="demo-1006")
    assert answer.status != 0
    assert register(demo, "1005", "empty", None).contacts == set()


def test_a_stranger_learns_nothing(demo: Server, phones: Phones) -> None:
    """An unknown user and a wrong password get the same bytes, but for what differs in each answer."""
    known = phones.scripted(demo, "1005", password="wrong")
    unknown = phones.scripted(demo, "5005", password="wrong")
    answers = []
    for phone in (known, unknown):
        assert phone.register().status == 401
        answers.append([_plain(data, phone.extension, phone.address[1]) for data in phone.expect_bytes(b"SIP/2.0 401")])
    assert len(answers[0]) == 2, "a first challenge, and one after the credentials"
    assert answers[0] == answers[1]


def _plain(data: bytes, extension: str, port: int) -> str:
    """A response without the numbers that are new each time, which keep their length."""
    text = data.decode().replace(extension, "EXTENSION").replace(f":{port}", ":PORT").replace(f"rport={port}", "rport=")
    for pattern in (r"tag=(\w+)", r'nonce="([^"]*)"', r"branch=(\S+?)[;\r]", r"Call-ID: (\S+)"):
        text = re.sub(pattern, lambda found: found[0].replace(found[1], "x" * len(found[1])), text)
    return text


def test_bindings_outlive_a_crash_of_everything(servers: Servers, phones: Phones) -> None:
    server = servers.start("--demo")
    ann, ben = phones.sipp(server, "1001"), phones.sipp(server, "1002", registered=True)
    wait_until(lambda: len(server.bindings()) == 1, 20, "the binding in the database")
    server.kill()
    server.start()
    book = CallBook(server)
    ben.expect_call("callee_answers")
    ann.call("1002", "caller_hangs_up")
    ann.finish()
    ben.finish()
    assert book.one()["result"] == "answered"

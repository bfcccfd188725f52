"""SIGKILL for each process of the server while calls are up: sound goes on, and no record is lost or doubled."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from tests.e2e.conftest import QUICK, Phones, Servers
from tests.e2e.rtp_stream import wait_for_sound
from tests.e2e.script_phone import talk
from tests.e2e.server import CallBook, Server
from tests.e2e.sipp_phone import Turns
from tests.e2e.wait import wait_until

MAX_GAP_S = 2.0


def wait_for_records(book: CallBook, count: int) -> None:
    wait_until(lambda: len(book.new()) >= count, 60, f"{count} call records")


def kill_records(server: Server) -> None:
    """SIGKILL for the records process; another one takes its place."""
    pids = server.pids()
    os.kill(pids.records, signal.SIGKILL)
    wait_until(lambda: server.pids().records != pids.records, 60, "another records process")


def test_the_media_process_dies(servers: Servers, phones: Phones) -> None:
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    ann, ben, eve = (phones.scripted(server, number, registered=True) for number in ("1001", "1002", "1003"))
    echo = eve.invite("*60")
    eve.hear_answer()
    bridged, _ = talk(ann, ben)
    heard = ((eve.rtp, eve.rtp.id), (ann.rtp, ben.rtp.id), (ben.rtp, ann.rtp.id))
    for to, stream in heard:
        wait_for_sound(to, stream)

    pids = server.pids()
    killed_at = time.monotonic()
    os.kill(pids.media, signal.SIGKILL)
    wait_until(lambda: server.pids().media != pids.media, 30, "another media process")
    for to, stream in heard:
        wait_for_sound(to, stream, killed_at + MAX_GAP_S)
        assert to.longest_gap_s(stream, killed_at - 0.5) < MAX_GAP_S
    assert server.pids().control == pids.control

    eve.hang_up(echo)
    ann.hang_up(bridged)
    rows = book.wait(2)
    assert [(row["result"], row["reason"], row["hangup_party"]) for row in rows] == [
        ("answered", "normal", "caller")
    ] * 2


def test_the_control_process_dies(servers: Servers, phones: Phones) -> None:
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    ann, ben, eve = (phones.scripted(server, number, registered=True) for number in ("1001", "1002", "1003"))
    over, _ = talk(ann, ben)
    ann.hang_up(over)
    ann.expect_bytes(b"SIP/2.0 200 ", 2)
    ben.expect_bytes(b"BYE ")
    talk(ann, ben)
    eve.invite("1002")
    ben.ringing()
    wait_until(lambda: len(server.bindings()) == 3, 20, "the bindings in the database")

    pids = server.pids()
    os.kill(pids.control, signal.SIGKILL)
    wait_until(lambda: server.pids().control != pids.control, 60, "another control process")
    wait_until(server.answers, 60, "an answer to OPTIONS")
    rows = book.wait(3, 60)
    assert [(row["caller_original"], row["result"], row["reason"]) for row in rows] == [
        ("1001", "answered", "normal"),
        ("1001", "answered", "node_lost"),
        ("1003", "failed", "node_lost"),
    ]
    assert [row["hangup_party"] for row in rows] == ["caller", "system", "system"]

    # Nobody registers again; the phones are new at their ports only as far as the calls go.
    again, _ = talk(ann, ben)
    ann.hang_up(again)
    last = book.wait(4)[-1]
    assert (last["result"], last["reason"]) == ("answered", "normal")


def test_the_records_process_dies(servers: Servers, phones: Phones) -> None:
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    caller = phones.sipp(server, "1001")
    calls = 60
    caller.play("caller_hangs_up", "*60", Turns(calls=calls, rate=20), hold_ms="300")
    for share in (10, 25, 40):
        wait_for_records(book, share)
        kill_records(server)
    caller.finish()
    rows = book.wait(calls, 60)
    assert Counter((row["result"], row["reason"], row["hangup_party"]) for row in rows) == {
        ("answered", "normal", "caller"): calls
    }
    assert len({row["sip_call_id"] for row in rows}) == calls
    assert all(len(server.legs(row["call_id"])) == 1 for row in rows)


def test_everything_dies_at_once(servers: Servers, phones: Phones) -> None:
    """As by a power cut, but for the disk: the call that was up gets its one record at the next start."""
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    ann, ben = (phones.scripted(server, number, registered=True) for number in ("1001", "1002"))
    over, _ = talk(ann, ben)
    ann.hang_up(over)
    ann.expect_bytes(b"SIP/2.0 200 ", 2)
    talk(ann, ben)
    server.kill()
    server.start()
    rows = book.wait(2, 60)
    assert [(row["reason"], row["hangup_party"]) for row in rows] == [("normal", "caller"), ("node_lost", "system")]
    assert all(leg["end_at_ms"] is not None for row in rows for leg in server.legs(row["call_id"]))

"""The supervisor: killed, it takes the server with it, in order, and the next start finds everything free."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.e2e.conftest import QUICK, Phones, Servers
from tests.e2e.script_phone import talk
from tests.e2e.server import CallBook
from tests.e2e.wait import wait_until


def test_the_supervisor_dies(servers: Servers, phones: Phones) -> None:
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    ann, ben = (phones.scripted(server, number, registered=True) for number in ("1001", "1002"))
    talk(ann, ben)
    pids = server.pids()
    os.kill(pids.supervisor, signal.SIGKILL)
    for pid in (pids.control, pids.records):
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), 60, f"the end of process {pid}")  # type: ignore[misc]
    (row,) = book.wait(1)
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "supervisor_release", "system")
    server.end()
    server.start()
    assert server.answers()

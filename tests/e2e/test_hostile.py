"""A server under a rain of damaged messages: the call that is up goes on, nothing breaks, nothing swells."""

from __future__ import annotations

import random
import socket
import time
from contextlib import closing

from tests.e2e.conftest import QUICK, Phones, Servers
from tests.e2e.rtp_stream import wait_for_sound
from tests.e2e.script_phone import talk
from tests.e2e.server import CallBook, memory_kb
from tests.e2e.wait import wait_until
from tests.fakes.mutator import mutate

DATAGRAMS = 20_000
BATCH = 100
MAX_GROWTH_KB = 20_000
MAX_GAP_S = 1.0


def test_damaged_datagrams(servers: Servers, phones: Phones) -> None:
    server = servers.start("--apply", str(QUICK))
    book = CallBook(server)
    ann, ben = (phones.scripted(server, number, registered=True) for number in ("1001", "1002"))
    over, _ = talk(ann, ben)
    ann.hang_up(over)
    book.one()
    # Requests and responses of a whole call, with tags, credentials and branches that the server knows.
    seeds = ann.sent + ann.received + ben.sent + ben.received
    usage, _ = talk(ann, ben)
    wait_for_sound(ben.rtp, ann.rtp.id)
    pids = server.pids()
    before_kb = memory_kb(pids.control)
    began = time.monotonic()
    rng = random.Random(20_261_120)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as enemy:
        enemy.bind(("127.0.0.1", 0))
        for count in range(DATAGRAMS):
            enemy.sendto(mutate(rng, rng.choice(seeds))[:60_000], (server.host, server.port))
            if count % BATCH == 0:
                # Not faster than the server takes them, or the kernel would drop most unseen.
                wait_until(server.answers, 30, "an answer to OPTIONS")
    assert server.pids() == pids
    assert memory_kb(pids.control) - before_kb < MAX_GROWTH_KB
    assert len(ben.rtp.arrivals(ann.rtp.id, began)) > 0
    assert ben.rtp.longest_gap_s(ann.rtp.id, began) < MAX_GAP_S
    ann.hang_up(usage)
    wait_until(lambda: [row["result"] for row in book.new()].count("answered") == 2, 30, "the record of the call")
    assert "Traceback" not in server.log()
    assert "[error" not in server.log()


def test_a_stranger_cannot_take_over_the_sound(servers: Servers, phones: Phones) -> None:
    """Well-formed RTP from elsewhere to the ports of a call is heard by nobody, and turns no stream away."""
    server = servers.start("--apply", str(QUICK))
    ann, ben = (phones.scripted(server, number, registered=True) for number in ("1001", "1002"))
    eve = phones.scripted(server, "1003")
    usage, _ = talk(ann, ben)
    wait_for_sound(ben.rtp, ann.rtp.id)
    assert ann.rtp.to is not None
    eve.rtp.send_to(ann.rtp.to)
    wait_until(lambda: eve.rtp.sent >= 100, 30, "100 packets of a stranger")
    wait_for_sound(ben.rtp, ann.rtp.id, time.monotonic())
    wait_for_sound(ann.rtp, ben.rtp.id, time.monotonic())
    assert not ben.rtp.arrivals(eve.rtp.id)
    assert not eve.rtp.arrivals(ben.rtp.id)
    ann.hang_up(usage)

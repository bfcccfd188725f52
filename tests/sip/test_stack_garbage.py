"""What cannot be read leaves no cyclic garbage: the server looks for such garbage when no call is up only."""

from __future__ import annotations

import gc
import random

from sip.flow import Flow
from sip.stack import Stack
from tests.fakes.mutator import mutate

REGISTER = (
    b"REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@10.0.0.3>;expires=60\r\n"
    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def test_damaged_messages_leave_no_cycles() -> None:
    stack = Stack(token=lambda: "token")
    flow = Flow("udp", "UDP", ("10.0.0.1", 5060), ("10.0.0.3", 5060))
    rng = random.Random(3)
    gc.collect()
    gc.disable()
    try:
        for _ in range(500):
            stack.receive(mutate(rng, REGISTER), flow, 0.0)
            stack.datagrams_to_send()
            while stack.next_event() is not None:
                pass
        assert stack.malformed > 100
        assert gc.collect() < 100
    finally:
        gc.enable()

"""Hold and resume by re-INVITE, packet by packet: each direction of sound goes exactly when both sides want it."""

from __future__ import annotations

import time

from sip.commands import SendInDialog
from sip.events import ResponseReceived
from tests.e2e.conftest import Phones
from tests.e2e.script_phone import ScriptPhone, talk
from tests.e2e.server import CallBook, Server

PACKETS = 25
SETTLE_S = 0.5
"""What was on its way when the direction changed."""


def reoffer(phone: ScriptPhone, usage: int, version: int, direction: str) -> str:
    """Offer the same sound in another direction; the direction of the answer."""
    body = phone.sdp.replace(b"o=- 1 1 ", f"o=- 1 {version} ".encode()) + f"a={direction}\r\n".encode()
    phone.send(SendInDialog(usage=usage, method="INVITE", body=body))
    while (answer := phone.expect(ResponseReceived).response).status < 200:
        pass
    assert answer.status == 200
    return next(line[2:] for line in answer.body.decode().splitlines() if line.startswith(("a=send", "a=recv", "a=in")))


def heard(ann: ScriptPhone, ben: ScriptPhone) -> tuple[bool, bool]:
    """Whether each hears the other now, while both go on to send."""
    since = time.monotonic() + SETTLE_S
    sent = ann.rtp.sent, ben.rtp.sent
    due = PACKETS + round(SETTLE_S * 50)

    def all_sent() -> bool:
        return ann.rtp.sent - sent[0] > due and ben.rtp.sent - sent[1] > due and time.monotonic() > since + PACKETS / 50

    ann.pump_until(all_sent, "packets are sent")
    ben.pump()
    return bool(ann.rtp.arrivals(ben.rtp.id, since)), bool(ben.rtp.arrivals(ann.rtp.id, since))


def test_every_direction(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.scripted(demo, "1003"), phones.scripted(demo, "1004", registered=True)
    usage, _ = talk(ann, ben)
    assert heard(ann, ben) == (True, True)
    steps = (
        # Who holds is not listened to either: the other hears music instead.
        ("sendonly", "recvonly", (False, False)),
        ("sendrecv", "sendrecv", (True, True)),
        ("inactive", "inactive", (False, False)),
        ("recvonly", "sendonly", (True, False)),
        ("sendrecv", "sendrecv", (True, True)),
    )
    for version, (offer, answer, sound) in enumerate(steps, 2):
        assert reoffer(ann, usage, version, offer) == answer
        assert heard(ann, ben) == sound, offer
    ann.hang_up(usage)
    assert book.one()["result"] == "answered"
    ben.register(0)

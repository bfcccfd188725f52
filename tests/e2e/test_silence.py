"""A phone that falls silent: the call ends on both sides, and the record says why."""

from __future__ import annotations

from pathlib import Path

from sip.events import ByeReceived
from tests.e2e.conftest import Phones, Servers
from tests.e2e.rtp_stream import wait_for_sound
from tests.e2e.script_phone import talk
from tests.e2e.server import ROOT, CallBook

TIMEOUT_S = 3


def test_a_phone_that_sends_no_more_sound(servers: Servers, phones: Phones, tmp_path: Path) -> None:
    settings = tmp_path / "cordboard.toml"
    settings.write_text(f"[media]\nrtp_timeout_s = {TIMEOUT_S}\n", encoding="utf-8")
    server = servers.start("--config", str(settings), "--apply", str(ROOT / "examples" / "demo.yaml"))
    book = CallBook(server)
    ann, ben = phones.scripted(server, "1003"), phones.scripted(server, "1004", registered=True)
    talk(ann, ben)
    wait_for_sound(ann.rtp, ben.rtp.id)
    ben.rtp.to = None
    for phone in (ann, ben):
        bye = phone.expect(ByeReceived)
        assert 'text="media_timeout"' in (bye.request.headers.get("reason") or "")
    row = book.one()
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "media_timeout", "system")

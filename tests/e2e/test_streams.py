"""SIP over TCP and TLS: phones that others wrote register and talk; certificates change while they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.baresip import Baresip
from tests.e2e.certificates import Authority
from tests.e2e.linphone import Linphone
from tests.e2e.ports import Ports
from tests.e2e.server import CallBook, Server
from tests.e2e.sound import likeness

TALK_S = 5.0
HEARD = 0.9


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(ports: Ports, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo with a certificate for loopback."""
    folder = tmp_path_factory.mktemp("streams")
    certificate = folder / "server.pem"
    authority.write(certificate, "127.0.0.1", "localhost")
    server = Server(folder, ports, "--demo", environment={"CORDBOARD_TLS_CERTIFICATE": str(certificate)})
    try:
        yield server.start()
    finally:
        server.end()
    server.check_log()


def test_the_banner_names_the_sockets(server: Server) -> None:
    log = server.log()
    assert f"SIP   TCP 127.0.0.1:{server.port}" in log
    assert f"SIP   TLS 127.0.0.1:{server.tls_port}" in log


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_softphones_talk(server: Server, ports: Ports, tmp_path: Path, authority: Authority, transport: str) -> None:
    """linphone calls baresip: both hear what the other plays."""
    book = CallBook(server)
    with ExitStack() as started:
        ben = Baresip(server, ports, tmp_path, "1006", seed=6, transport=transport, ca_file=authority.file)
        started.callback(ben.close)
        ann = Linphone(server, ports, tmp_path, "1008", seed=8, transport=transport, ca_file=authority.file)
        started.callback(ann.close)
        ben.start()
        ann.start()
        bindings = {row["device"]: str(row) for row in server.bindings()}
        ann.dial("1006")
        ben.wait_event("CALL_ESTABLISHED")
        ben.wait_recorded(TALK_S)
        ann.hang_up()
        ben.wait_event("CALL_CLOSED")
        assert likeness(ben.take_recording(), ann.played) > HEARD
        assert likeness(ann.recording(), ben.played) > HEARD
    assert set(bindings) == {"1006", "1008"}
    row = book.one()
    assert (row["caller_original"], row["called_original"]) == ("1008", "1006")
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "normal", "caller")

"""SIP over TCP and TLS: phones that others wrote register and talk; certificates change while they do."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.e2e.baresip import Baresip
from tests.e2e.certificates import Authority
from tests.e2e.conftest import Phones
from tests.e2e.linphone import Linphone
from tests.e2e.ports import Ports
from tests.e2e.server import CallBook, Server
from tests.e2e.sipp_phone import Turns
from tests.e2e.sound import likeness
from tests.e2e.test_command import cordboard
from tests.e2e.wait import wait_until

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


@pytest.mark.parametrize(("transport", "caller", "callee"), [("tcp", "1008", "1006"), ("tls", "1009", "1005")])
def test_softphones_talk(
    server: Server, ports: Ports, tmp_path: Path, authority: Authority, transport: str, caller: str, callee: str
) -> None:
    """linphone calls baresip: both hear what the other plays."""
    book = CallBook(server)
    with ExitStack() as started:
        ben = Baresip(server, ports, tmp_path, callee, seed=6, transport=transport, ca_file=authority.file)
        started.callback(ben.close)
        ann = Linphone(server, ports, tmp_path, caller, seed=8, transport=transport, ca_file=authority.file)
        started.callback(ann.close)
        ben.start()
        ann.start()
        ann.dial(callee)
        ben.wait_event("CALL_ESTABLISHED")
        ben.wait_recorded(TALK_S)
        ann.hang_up()
        ben.wait_event("CALL_CLOSED")
        assert likeness(ben.take_recording(), ann.played) > HEARD
        assert likeness(ann.recording(), ben.played) > HEARD
    row = book.one()
    assert (row["caller_original"], row["called_original"]) == (caller, callee)
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "normal", "caller")


def options(transport: str, number: int) -> bytes:
    return (
        f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1:9;branch=z9hG4bK{number}\r\n"
        f"From: <sip:probe@127.0.0.1>;tag=p\r\nTo: <sip:127.0.0.1>\r\nCall-ID: probe-{number}\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def tls_connection(server: Server, authority: Authority) -> ssl.SSLSocket:
    """A connection to the server, whose certificate must be good."""
    context = ssl.create_default_context(cafile=str(authority.file))
    plain = socket.create_connection((server.host, server.tls_port), timeout=20)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_a_new_certificate_is_for_new_connections(server: Server, authority: Authority) -> None:
    """The connection that is up goes on, the next one sees the new certificate; a bad one changes nothing."""

    def seen() -> bytes:
        with closing(tls_connection(server, authority)) as connection:
            return connection.getpeercert(binary_form=True) or b""

    path = server.folder / "server.pem"
    with closing(tls_connection(server, authority)) as old:
        before = seen()
        authority.write(path, "127.0.0.1", "localhost")
        os.kill(server.pids().supervisor, signal.SIGHUP)
        wait_until(lambda: seen() != before, 30, "a connection sees the new certificate")
        after = seen()
        good = path.read_text()
        path.write_text("nonsense")
        os.kill(server.pids().supervisor, signal.SIGHUP)
        server.program.wait_for_log("new TLS certificate cannot be used; the one before stays in use", 30)
        assert seen() == after
        path.write_text(good)
        old.sendall(b"\r\n\r\n" + options("TLS", 1))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += old.recv(4096)
        assert answer.startswith(b"\r\nSIP/2.0 200 OK")


def test_sipp_calls_over_one_connection_and_over_many(server: Server, phones: Phones) -> None:
    """The callee registers and hangs up its connection: the server connects to its Contact."""
    book = CallBook(server)
    ben = phones.sipp(server, "1002", registered=True, transport="t1")
    ben.expect_call("callee_answers")
    ann = phones.sipp(server, "1001", transport="t1")
    ann.call("1002", "caller_hangs_up")
    ann.finish()
    ben.finish()
    many = phones.sipp(server, "1003", transport="tn")
    many.play("caller_hangs_up", "*60", Turns(calls=2, rate=2))
    many.finish()
    rows = book.wait(3)
    assert [(row["result"], row["hangup_party"]) for row in rows] == [("answered", "caller")] * 3


def test_a_phone_whose_connection_is_gone_is_not_waited_for(
    server: Server, ports: Ports, tmp_path: Path, phones: Phones
) -> None:
    book = CallBook(server)
    ben = Baresip(server, ports, tmp_path, "1007", seed=7, transport="tcp")
    try:
        ben.start()
    finally:
        ben.kill()
    ann = phones.sipp(server, "1001")
    ann.call("1007", "caller_is_refused", status="480")
    ann.finish()
    row = book.one()
    assert (row["result"], row["reason"], row["sip_code"]) == ("missed", "offline", 480)
    assert row["total_ms"] < 20_000


NEAR = """
tenants:
  - key: demo
    domain: demo.local
    own_address: true
    digest_algorithms: [MD5]
    extensions:
      - number: "1001"
        devices:
          - {{password: "demo-1001-demo-1001"}}
    numbers:
      - number: "55"
        dest: {{type: external, trunk: carrier, number: "77"}}
trunks:
  - name: carrier
    transport: tls
    peers: [{{host: localhost, port: {peer}}}, {{host: 127.0.0.1, port: {peer}}}]
"""
FAR = """
tenants:
  - {key: far, domain: far.example}
trunks:
  - {name: near, tenant: far, source_ips: [127.0.0.1]}
dids:
  - {number: "77", trunk: near, tenant: far, dest: {type: feature, target: echo}}
"""


def test_a_trunk_over_tls(ports: Ports, tmp_path: Path, authority: Authority, phones: Phones) -> None:
    """Two servers; a name that the far one cannot prove is tried before its address, in vain."""
    authority.write(tmp_path / "far.pem", "127.0.0.1")
    with ExitStack() as started:

        def start(name: str, text: str) -> Server:
            (tmp_path / f"{name}.yaml").write_text(text)
            environment = {
                "CORDBOARD_TLS_CERTIFICATE": str(tmp_path / "far.pem"),
                "CORDBOARD_TLS_CA_FILE": str(authority.file),
            }
            server = Server(tmp_path / name, ports, "--apply", str(tmp_path / f"{name}.yaml"), environment=environment)
            started.callback(server.check_log)
            started.callback(server.end)
            return server.start()

        far = start("far", FAR)
        near = start("near", NEAR.format(peer=far.tls_port))
        books = [CallBook(near), CallBook(far)]
        ann = phones.sipp(near, "1001", password="demo-1001-demo-1001", transport="t1")
        ann.call("55", "caller_hangs_up")
        ann.finish()
        assert [book.one()["result"] for book in books] == ["answered", "answered"]
        why = "its certificate is for 127.0.0.1, not for localhost"
        assert f"no TLS connection to localhost:{far.tls_port}: {why}" in near.log()


def test_a_stream_without_lengths_is_answered_and_closed(server: Server) -> None:
    with closing(socket.create_connection((server.host, server.port), timeout=20)) as connection:
        connection.sendall(options("TCP", 2).replace(b"Content-Length: 0\r\n", b""))
        answer = b""
        while data := connection.recv(4096):
            answer += data
        assert answer.startswith(b"SIP/2.0 400 Bad Request (framing)\r\n")


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, ports: Ports, authority: Authority) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("a.pem", "b.pem"):
        authority.write(folder / name, "localhost")
    environment = {
        "CORDBOARD_SIP_UDP_PORT": str(ports.take()),
        "CORDBOARD_TLS_CERTIFICATE": str(folder / "a.pem"),
        "CORDBOARD_TLS_KEY": str(folder / "b.pem"),
    }
    done = cordboard("serve", "--demo", "--data", str(tmp_path / "data"), **environment)
    assert done.returncode == 78
    assert f"{folder}/b.pem: the key does not belong to the certificate in {folder}/a.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_bindings_outlive_a_restart_where_the_phone_can_be_connected_to(server: Server, phones: Phones) -> None:
    ben = phones.sipp(server, "1004", registered=True, transport="t1")
    wait_until(lambda: server.is_registered("1004"), 30, "the binding is written down")
    server.end()
    server.start()
    book = CallBook(server)
    ben.expect_call("callee_answers")
    ann = phones.sipp(server, "1001", transport="t1")
    ann.call("1004", "caller_hangs_up")
    ann.finish()
    ben.finish()
    assert book.one()["result"] == "answered"

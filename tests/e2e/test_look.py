"""Looking into a running server: the command, the control socket, health, metrics, the trace."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from sip.commands import Respond
from tests.e2e.conftest import Phones, Servers
from tests.e2e.script_phone import ScriptPhone, talk
from tests.e2e.server import Server
from tests.e2e.test_command import cordboard
from tests.e2e.wait import wait_until

NOT_RUNNING = 69


def ask(server: Server, *arguments: str) -> str:
    """What a command says; it must succeed."""
    done = cordboard(*arguments, "--data", str(server.data))
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def ask_json(server: Server, *arguments: str) -> dict[str, Any]:
    found = json.loads(ask(server, *arguments, "--json"))
    assert isinstance(found, dict)
    return found


def fetch(server: Server, path: str, method: str = "GET") -> tuple[int, str, str]:
    """Status, content type and body over TCP."""
    connection = HTTPConnection(server.host, server.http_port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["content-type"], body


def pump_for_packets(ann: ScriptPhone, ben: ScriptPhone, count: int) -> None:
    begun = ann.rtp.sent
    ann.pump_until(lambda: ann.rtp.sent > begun + count, "packets are sent")
    ben.pump()


def test_one_way_audio_explains_itself(demo: Server, phones: Phones) -> None:
    """A call between two phones of which one sends nothing: seen while it is up, ended by command, seen afterwards."""
    ann, ben = phones.scripted(demo, "1005"), phones.scripted(demo, "1006", registered=True)
    assert "1006" in ask(demo, "registrations", "--device", "1006")
    ann.invite("1006")
    incoming = ben.ringing()
    ben.send(Respond(usage=incoming.usage, status=200, body=ben.sdp))
    ann.hear_answer()
    ben.expect_bytes(b"ACK ")
    pump_for_packets(ann, ben, 50)

    (row,) = ask_json(demo, "calls")["items"]
    assert (row["tenant"], row["from"], row["to"], row["state"]) == ("demo", "1005", "1006", "up")
    assert [(leg["number"], leg["state"], leg["codec"]) for leg in row["legs"]] == [
        ("1005", "up", "PCMU"),
        ("1006", "up", "PCMU"),
    ]
    call = row["id"]
    assert call in ask(demo, "calls")
    assert "1 with 2 legs" in ask(demo, "status")

    shown = ask(demo, "trace", "last", "--messages")
    assert re.search(r"^    0\.000   \+0\.000  \|-- INVITE \(\d+\) -+>\|", shown, re.MULTILINE)
    assert re.search(r"\* routed to extension 1006$", shown, re.MULTILINE)
    assert re.search(
        r"\|<-- 200 OK \(\d+ INVITE\) -+\|  PCMU/PCMA.* at 127\.0\.0\.1:\d+ sendrecv$", shown, re.MULTILINE
    )
    host, port = ben.rtp.address
    assert f"! nothing has come from {host}:{port}: its media does not reach us" in shown
    assert "! nothing is sent to it: its partner sends nothing to us (see the other leg)" in shown
    assert f"    Call-ID: {incoming.request.call_id}" in shown

    assert ask(demo, "hangup", call[:20]) == f"call {call} has ended\n"
    ann.expect_bytes(b"BYE ")
    done = cordboard("hangup", call, "--data", str(demo.data))
    assert (done.returncode, done.stderr) == (1, f"cordboard: call {call} is over already\n")

    over = wait_until(lambda: _over(demo, call), 10, "the record")
    assert "answered: supervisor_release, ended by the system" in over
    assert f"! nothing has come from {host}:{port}: its media does not reach us" in over
    assert "* call over: answered, supervisor_release" in over
    assert call in ask(demo, "calls", "--ended", "--limit", "3")
    ben.register(0)


def _over(server: Server, call: str) -> str | None:
    """The trace of a call, once the reports of its ports are in it."""
    shown = ask(server, "trace", call)
    return shown if "latched to nothing" in shown and "ended by" in shown else None


def test_what_is_not_there(demo: Server, tmp_path: Path) -> None:
    done = cordboard("trace", "ZZZZ", "--data", str(demo.data))
    assert (done.returncode, done.stderr) == (1, "cordboard: no call has an id that begins with 'ZZZZ'\n")
    done = cordboard("trace", "../status", "--data", str(demo.data))
    assert done.returncode == 1
    assert "is no call id" in done.stderr
    assert cordboard("trace").returncode == 2
    done = cordboard("calls", "--limit", "0", "--data", str(demo.data))
    assert (done.returncode, done.stderr) == (1, "cordboard: limit: '0' is not within 1-500 (allowed: 1-500)\n")
    done = cordboard("status", "--data", str(tmp_path))
    assert done.returncode == NOT_RUNNING
    assert done.stderr == (
        f"cordboard: no server answers at {tmp_path}/control.sock: is it running? (--data names its directory)\n"
    )


def test_health_and_metrics(demo: Server, phones: Phones) -> None:
    assert fetch(demo, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    assert fetch(demo, "/readyz")[::2] == (200, '{"ready": true, "reasons": []}')
    status, kind, body = fetch(demo, "/api/v1/status")
    assert (status, kind) == (401, "application/problem+json; charset=utf-8")
    assert json.loads(body)["detail"] == "a token is needed: Authorization: Bearer cbt_..."
    assert fetch(demo, "/metrics", "POST")[0] == 405
    before = _metrics(demo)
    ann, ben = phones.scripted(demo, "1007"), phones.scripted(demo, "1008", registered=True)
    usage, _ = talk(ann, ben)
    pump_for_packets(ann, ben, 30)
    assert _metrics(demo)["cordboard_calls_active"] == before["cordboard_calls_active"] + 1
    ann.hang_up(usage)
    ben.expect_bytes(b"BYE ")
    ended = 'cordboard_calls_ended_total{reason="normal",result="answered"}'
    wait_until(lambda: _metrics(demo).get(ended, 0) == before.get(ended, 0) + 1, 5, "the call has ended")
    wait_until(
        lambda: _metrics(demo)["cordboard_mos_count"] >= before["cordboard_mos_count"] + 2, 5, "both ports report"
    )
    after = _metrics(demo)
    invites = 'cordboard_sip_requests_total{method="INVITE",way="in"}'
    assert after[invites] == before[invites] + 2  # one was challenged
    assert after['cordboard_media_ports{state="used"}'] + after['cordboard_media_ports{state="free"}'] == 100
    assert after["cordboard_spool_events_behind"] >= 0
    assert after["cordboard_faults_total"] == 0
    ben.register(0)


def _metrics(server: Server) -> dict[str, float]:
    status, kind, body = fetch(server, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = [line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_no_secret_is_written_down(demo: Server, phones: Phones) -> None:
    """Neither the password nor what proves it is in the trace or the log; nobody else may read either."""
    ann = phones.scripted(demo, "1009", registered=True)
    proofs = [value for data in ann.sent for value in re.findall(rb'(?:response|cnonce|[^c]nonce)="([^"]+)"', data)]
    assert len(proofs) == 3
    ask(demo, "status")
    folder = demo.data / "trace"

    def traced() -> bytes:
        return b"".join(path.read_bytes() for path in folder.iterdir())

    sent = re.search(rb"Call-ID: *([^\r\n]+)", ann.sent[-1], re.IGNORECASE)
    assert sent is not None
    kept = wait_until(lambda: traced() if traced().count(sent[1]) >= 4 else None, 5, "the trace")
    log = demo.log().encode()
    credentials = [line for line in kept.splitlines() if line.lower().startswith(b"authorization:")]
    assert credentials
    for secret in [b"demo-1009", *proofs[1:]]:
        assert secret not in log
        assert all(secret not in line for line in credentials)
    assert b"demo-1009" not in kept
    assert all(b"response=***" in line for line in credentials)
    assert stat.S_IMODE((demo.data / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.data.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    ann.register(0)


def test_a_taken_port_and_a_stale_socket(servers: Servers) -> None:
    """Another program has the HTTP port, and a socket lies where an earlier server was killed: no matter."""
    server = servers.start("--demo")
    server.kill()
    assert (server.data / "control.sock").exists()
    done = cordboard("status", "--data", str(server.data))
    assert done.returncode == NOT_RUNNING
    with socket.create_server((server.host, server.http_port)):
        server.start()
        assert "no API, no health and no metrics by HTTP" in server.log()
        assert "  HTTP  none" in server.log()
        assert "Cordboard 0.1.0" in ask(server, "status")
    server.end()
    assert not (server.data / "control.sock").exists()
    (server.data / "control.sock").mkdir()
    done = cordboard(
        "serve", "--demo", "--data", str(server.data), CORDBOARD_SIP_UDP_PORT=str(server.port), CORDBOARD_HTTP_PORT="0"
    )
    assert done.returncode == os.EX_CONFIG
    assert "control.sock is in the way" in done.stderr
    assert "Traceback" not in done.stderr

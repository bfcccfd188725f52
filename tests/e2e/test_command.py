"""The `cordboard` command as a person meets it: what it prints, and what it ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Phones, Servers
from tests.e2e.ports import Ports, udp_hosts
from tests.e2e.server import ROOT, CallBook, Server
from tests.e2e.wait import wait_until

EX_CONFIG = 78

WRONG = """\
tenants:
  - key: demo
    domain: demo.local
    extensions:
      - number: "1001"
        devices:
          - {password: short}
      - number: "10x2"
    numbers:
      - {number: "*60", dest: {type: feature}}
"""


def cordboard(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")
    return path


def test_the_banner_says_what_to_dial(demo: Server) -> None:
    log = demo.log()
    for text in (f"127.0.0.1:{demo.port}", "1001, 1002", "demo-1001", "*60", str(demo.data)):
        assert text in log


def hosts_now(pid: int) -> set[str] | None:
    """The addresses of a process's UDP sockets; None while it has none."""
    return udp_hosts(pid) or None


def test_the_demo_stays_on_loopback(servers: Servers, phones: Phones) -> None:
    """Its passwords are public: even where the settings say all addresses, it listens on loopback alone."""
    server = servers.start("--demo", listen="0.0.0.0")
    assert f"UDP 127.0.0.1:{server.port}" in server.log()
    pids = server.pids()
    ann = phones.scripted(server, "1001")
    ann.invite("*60")
    ann.hear_answer()
    for pid in (pids.control, pids.media):
        hosts = wait_until(partial(hosts_now, pid), 10, "the process has its sockets")
        assert hosts == {"127.0.0.1"}


@pytest.mark.parametrize("command", ["check", "serve"])
def test_configuration_errors_say_where(command: str, wrong: Path, tmp_path: Path, ports: Ports) -> None:
    if command == "check":
        done = cordboard("check", str(wrong))
        assert done.returncode == 1
    else:
        data = str(tmp_path / "data")
        settings = {"CORDBOARD_SIP_LISTEN": "127.0.0.1", "CORDBOARD_SIP_UDP_PORT": str(ports.take())}
        done = cordboard("serve", "--data", data, "--apply", str(wrong), **settings)
        assert done.returncode == EX_CONFIG
        assert "nothing was started" in done.stderr
    for line, path in (
        (7, "tenants[0].extensions[0].devices[0]"),
        (8, "tenants[0].extensions[1].number"),
        (10, "dest"),
    ):
        (row,) = (row for row in done.stderr.splitlines() if row.startswith(f"{wrong}:{line}: "))
        assert path in row
    assert "short" not in done.stderr.replace("too short", ""), "no secret is printed"


def test_good_files_are_fine() -> None:
    for name in ("demo", "bench"):
        done = cordboard("check", str(ROOT / "examples" / f"{name}.yaml"))
        assert (done.returncode, done.stderr) == (0, "")
        assert "1 tenant(s)" in done.stdout


def test_a_wrong_setting(tmp_path: Path) -> None:
    done = cordboard("serve", "--demo", "--data", str(tmp_path), CORDBOARD_SIP_UDP_PORT="70000")
    assert done.returncode == EX_CONFIG
    assert "CORDBOARD_SIP_UDP_PORT: 70000 is not within 1-65535" in done.stderr


def test_a_port_that_is_taken(demo: Server, tmp_path: Path) -> None:
    """Said once, in one line that names the port; starting again would not help."""
    settings = {"CORDBOARD_SIP_UDP_PORT": str(demo.port)}
    done = cordboard("serve", "--demo", "--data", str(tmp_path / "data"), **settings)
    assert done.returncode == EX_CONFIG
    assert f"cannot listen for SIP on UDP 127.0.0.1 port {demo.port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_orderly_end_closes_the_calls(servers: Servers, phones: Phones) -> None:
    """SIGTERM with a call up: the phone gets its BYE, the record is written before the command ends."""
    server = servers.start("--demo")
    book = CallBook(server)
    ann = phones.scripted(server, "1001")
    ann.invite("*60")
    ann.hear_answer()
    pids = server.pids()
    server.end()
    assert server.program.process.returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in (pids.control, pids.media, pids.records))
    ann.expect_bytes(b"BYE ")
    row = book.one(0)
    assert (row["result"], row["reason"], row["hangup_party"]) == ("answered", "supervisor_release", "system")

"""The configuration of a running server: files in and out by the command line, calls and registrations meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Phones, Servers
from tests.e2e.ports import Ports
from tests.e2e.rtp_stream import wait_for_sound
from tests.e2e.script_phone import talk
from tests.e2e.server import Server
from tests.e2e.test_command import cordboard
from tests.e2e.wait import wait_until

EX_UNAVAILABLE = 69
EX_CONFIG = 78

DOCUMENT = """\
tenants:
  - key: demo
    domain: demo.local
    own_address: true
    digest_algorithms: [MD5]
    extensions:
      - number: "1001"
        devices: [{password: demo-1001, public_password: true}]
      - number: "1002"
        devices: [{password: demo-1002, public_password: true}]
    numbers:
      - {number: "*60", dest: {type: feature, target: echo}}
"""
THIRD = """\
      - number: "1003"
        name: Front desk
        devices: [{password: demo-1003, public_password: true}]
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


def ask(server: Server, command: str, *arguments: str, status: int = 0) -> str:
    """Run a command at a server; what it printed."""
    done = cordboard(command, "--data", str(server.data), *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def with_third(document: Path) -> None:
    document.write_text(DOCUMENT.replace("    numbers:\n", THIRD + "    numbers:\n"), encoding="utf-8")


def test_an_edit_acts_on_the_next_call(servers: Servers, phones: Phones, document: Path) -> None:
    server = servers.start("--apply", str(document))
    ann, ben = (phones.scripted(server, number, registered=True) for number in ("1001", "1002"))
    call, _ = talk(ann, ben)
    with_third(document)
    told = ask(server, "diff", str(document))
    assert "+ extension demo/1003" in told
    assert "demo-1003" not in told
    assert ask(server, "apply", str(document)) == "+ extension demo/1003\n1 added: version 2\n"
    eve = phones.scripted(server, "1003", registered=True)
    echo = eve.invite("*60")
    eve.hear_answer()
    eve.hang_up(echo)

    # The extension goes while its phone talks: the call goes on, the registration does not.
    document.write_text(DOCUMENT[: DOCUMENT.index('      - number: "1002"')], encoding="utf-8")
    assert "3 deleted" in ask(server, "apply", "--prune", str(document))
    wait_until(lambda: [row["device"] for row in server.bindings()] == ["1001"], 10, "the registrations that are left")
    wait_for_sound(ann.rtp, ben.rtp.id)
    ann.hang_up(call)
    refused = ben.register()
    assert refused.status in (401, 403), refused


def test_there_and_back(servers: Servers, document: Path, tmp_path: Path) -> None:
    server = servers.start("--apply", str(document))
    exported = tmp_path / "exported.yaml"
    exported.write_text(ask(server, "export"), encoding="utf-8")
    assert ask(server, "apply", "--prune", str(exported)) == "nothing changed\n"
    empty = tmp_path / "empty.yaml"
    empty.write_text("", encoding="utf-8")
    assert ask(server, "apply", "--prune", "--dry-run", str(empty)).endswith("nothing was changed\n")
    ask(server, "apply", "--prune", str(empty))
    assert ask(server, "export") == ""
    assert ask(server, "apply", str(exported)).endswith("4 added: version 3\n")
    assert ask(server, "export") == exported.read_text(encoding="utf-8")
    assert "start-up" in ask(server, "history")
    ask(server, "restore", "2")
    assert ask(server, "export") == ""
    assert "there is no version 99" in ask(server, "restore", "99", status=1)


def test_errors_read_as_check_prints_them(servers: Servers, document: Path) -> None:
    server = servers.start("--apply", str(document))
    before = ask(server, "export")
    document.write_text(DOCUMENT.replace('"1002"', '"10x2"').replace("echo", "ehco"), encoding="utf-8")
    checked = cordboard("check", str(document)).stderr
    assert len(checked.splitlines()) == 2
    told = ask(server, "apply", str(document), status=1)
    assert told == f"{checked}cordboard: 2 error(s) in the configuration; nothing was changed\n"
    assert ask(server, "diff", str(document), status=1) == told
    assert ask(server, "export") == before


def test_edits_outlive_a_start_with_the_same_file(servers: Servers, document: Path, tmp_path: Path) -> None:
    server = servers.start("--apply", str(document))
    more = tmp_path / "more.yaml"
    more.write_text(DOCUMENT.replace("    numbers:\n", THIRD + "    numbers:\n"), encoding="utf-8")
    ask(server, "apply", str(more))
    exported = ask(server, "export")
    server.end()
    server.start()
    assert ask(server, "export") == exported
    assert "was applied before" in server.log()


def test_a_wrong_file_refuses_the_start(document: Path, tmp_path: Path, ports: Ports) -> None:
    document.write_text(DOCUMENT.replace("echo", "ehco"), encoding="utf-8")
    settings = {"CORDBOARD_SIP_LISTEN": "127.0.0.1", "CORDBOARD_SIP_UDP_PORT": str(ports.take())}
    done = cordboard("serve", "--data", str(tmp_path / "data"), "--apply", str(document), **settings)
    assert done.returncode == EX_CONFIG
    assert f"{document}:12: tenants[0].numbers[0].dest.target: 'ehco' is not known here" in done.stderr


@pytest.mark.parametrize("command", ["apply", "diff", "export", "history", "restore"])
def test_without_a_server(command: str, document: Path, tmp_path: Path) -> None:
    arguments = {"apply": [str(document)], "diff": [str(document)], "restore": ["1"]}.get(command, [])
    done = cordboard(command, "--data", str(tmp_path / "nothing"), *arguments)
    assert done.returncode == EX_UNAVAILABLE
    assert "no server answers" in done.stderr

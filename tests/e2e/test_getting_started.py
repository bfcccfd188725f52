"""The page for newcomers does what it says: its files are written, its commands run, phones and a peer call."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Phones
from tests.e2e.ports import Ports
from tests.e2e.script_phone import ScriptPhone, talk
from tests.e2e.server import ROOT, CallBook, Server

PAGE = ROOT / "docs" / "getting-started.md"
COMMAND = ".venv/bin/cordboard "
OWN_CHAPTER = "## 2. "
CARRIER = "192.0.2.7"


def chapter() -> str:
    """What the page says of a configuration of one's own."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(OWN_CHAPTER)[2].partition("\n## ")[0]


def files() -> dict[str, str]:
    """Files of the page by name: each YAML block is that of the last name in front of it."""
    found: dict[str, str] = {}
    for before, block in re.findall(r"(.*?)```yaml\n(.*?)```", chapter(), re.DOTALL):
        found[re.findall(r"`([\w-]+\.yaml)`", before)[-1]] = block
    return found


def commands() -> list[list[str]]:
    """Its commands in order, each as its words."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", chapter(), re.DOTALL)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    assert all(line.startswith(COMMAND) for line in lines), lines
    return [shlex.split(line.removeprefix(COMMAND)) for line in lines]


def test_from_nothing_to_a_tenant_two_phones_and_a_trunk(ports: Ports, phones: Phones, tmp_path: Path) -> None:
    peer_port = ports.take()
    for name, text in files().items():
        # The peer of the test is on this machine, at a port of its own.
        own = text.replace(f"host: {CARRIER}", f"host: 127.0.0.1, port: {peer_port}")
        own = own.replace(f"[{CARRIER}]", f'["127.0.0.1:{peer_port}"]')
        (tmp_path / name).write_text(own, encoding="utf-8")
    passwords = re.findall(r'password: "([^"]+)"', files()["office.yaml"])
    said: dict[str, str] = {}
    server = Server(tmp_path, ports)
    steps = iter(commands())

    def run(words: list[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        said[" ".join(words)] = done.stdout

    peer = None
    try:
        for words in steps:
            if words[0] != "serve":
                run(words)
                continue
            place = words.index("--data")
            server = Server(tmp_path, ports, *words[1:place], *words[place + 2 :])
            server.data = tmp_path / words[place + 1]
            server.start()
            break
        assert "2 extension(s)" in said["check office.yaml"]
        ann = phones.scripted(server, "201", password=passwords[0], registered=True)
        ben = phones.scripted(server, "202", password=passwords[1], registered=True)
        for words in steps:
            run(words)
        assert "nothing changed" in said["apply --data office office.yaml"]
        assert "+ trunk carrier" in said["apply --data office carrier.yaml"]
        assert "201" in said["registrations --data office"]
        book = CallBook(server)
        usage, _ = talk(ann, ben)
        ann.hang_up(usage)
        internal = book.one()
        assert (internal["tenant"], internal["result"]) == ("office", "answered")
        peer = ScriptPhone(server, peer_port, "+4915112345")
        (number,) = re.findall(r'number: "(\+\d+)"', files()["carrier.yaml"])
        inbound = CallBook(server)
        usage = peer.invite_as_peer(number)
        ann.answer(ann.ringing())
        peer.hear_answer()
        ann.expect_bytes(b"ACK ")
        peer.hang_up(usage)
        row = inbound.one()
        assert (row["direction"], row["trunk"], row["did"], row["result"]) == ("inbound", "carrier", number, "answered")
    finally:
        if peer is not None:
            peer.close()
        server.end()
    server.check_log()

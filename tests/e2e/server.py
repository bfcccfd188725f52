"""Server: `cordboard serve` as a test meets it, by its sockets, its output, its database file and /proc."""

from __future__ import annotations

import re
import socket
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.ports import Ports
from tests.e2e.program import Program
from tests.e2e.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
BANNER = "Cordboard is up."
RTP_PORTS = 200

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pids:
    """Process ids of the server's processes."""

    supervisor: int
    control: int
    media: int
    records: int


class Server:
    """One server with its own data directory and ports; can be ended and started again on both."""

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        *arguments: str,
        host: str = "127.0.0.1",
        listen: str = "127.0.0.1",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.host = host
        self.port = ports.take(2)
        self.tls_port = self.port + 1
        self.http_port = ports.take()
        rtp_port = ports.take(RTP_PORTS)
        self._arguments = arguments
        self._environment = {
            "CORDBOARD_SIP_LISTEN": listen,
            "CORDBOARD_SIP_UDP_PORT": str(self.port),
            "CORDBOARD_SIP_TLS_PORT": str(self.tls_port),
            "CORDBOARD_HTTP_PORT": str(self.http_port),
            "CORDBOARD_MEDIA_ADDRESS": listen.partition(",")[0],
            "CORDBOARD_MEDIA_PORT_MIN": str(rtp_port),
            "CORDBOARD_MEDIA_PORT_MAX": str(rtp_port + RTP_PORTS - 1),
            "CORDBOARD_SPEECH_PROMPTS": "false",
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self._program: Program | None = None
        self.starts = 0

    @property
    def program(self) -> Program:
        assert self._program is not None, "the server was not started"
        return self._program

    def start(self) -> Server:
        """Start it and wait until it has said so and answers."""
        command = [sys.executable, "-m", "cli", "serve", "--data", str(self.data), *self._arguments]
        self.starts += 1
        environment = {**self._environment, "PYTHONPATH": str(ROOT)}
        self._program = Program(f"server-{self.starts}", command, self.folder, environment)
        self._program.wait_for_log(BANNER, START_S)
        wait_until(self.answers, START_S, "an answer to OPTIONS")
        return self

    def port_of(self, transport: str) -> int:
        """The SIP port for `udp`, `tcp` or `tls`."""
        return self.tls_port if transport == "tls" else self.port

    def answers(self) -> bool:
        """Whether an OPTIONS request gets its 200 at once."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.settimeout(0.5)
            probe.connect((self.host, self.port))
            host = f"[{self.host}]" if ":" in self.host else self.host
            number = probe.getsockname()[1]
            with suppress(OSError):
                probe.send(
                    f"OPTIONS sip:{host}:{self.port} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {host}:{number};branch=z9hG4bKprobe{number}\r\n"
                    f"From: <sip:probe@{host}>;tag=p\r\nTo: <sip:{host}>\r\nCall-ID: probe-{number}\r\n"
                    "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
                )
                return probe.recv(4096).startswith(b"SIP/2.0 200 ")
        return False

    def end(self) -> None:
        if self._program is not None:
            self._program.end(20.0)

    def kill(self) -> None:
        """SIGKILL for supervisor, control, media and records together."""
        self.program.kill()

    def log(self) -> str:
        """The output of every start."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("server-*.log")))

    def check_log(self) -> None:
        """No fault of the server's own may stand in its log."""
        log = self.log()
        for sign in ("Traceback", "call failed", "never retrieved", "Warning: "):
            assert sign not in log, log[-20_000:]

    def report(self) -> str:
        return f"{self.program.report()}\nlast call records: {self.calls()[-3:]}"

    # -- processes

    def pids(self) -> Pids:
        """Its processes, once all of them run."""
        return wait_until(self._pids, START_S, "all processes of the server run")

    def _pids(self) -> Pids | None:
        supervisor = self.program.pid
        control = _child(supervisor, "pbx.main")
        if control is None:
            return None
        media, records = _child(control, "media.worker"), _child(control, "pbx.records")
        return None if media is None or records is None else Pids(supervisor, control, media, records)

    # -- records

    def calls(self) -> list[Row]:
        """All call records, oldest first, as the database file holds them at this moment."""
        return self._rows("SELECT * FROM calls ORDER BY call_id")

    def legs(self, call_id: str) -> list[Row]:
        """The legs of a call in order of birth."""
        return self._rows("SELECT * FROM legs WHERE call_id = ? ORDER BY position", (call_id,))

    def bindings(self) -> list[Row]:
        return self._rows("SELECT tenant, device, binding FROM bindings ORDER BY device, binding")

    def is_registered(self, device: str) -> bool:
        """Whether a binding of the device is in the database."""
        return any(row["device"] == device for row in self.bindings())

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        path = self.data / "cordboard.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]


class CallBook:
    """The call records that come after this book was opened."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = {row["call_id"] for row in server.calls()}

    def new(self) -> list[Row]:
        return [row for row in self._server.calls() if row["call_id"] not in self._before]

    def wait(self, count: int, timeout_s: float = 30.0) -> list[Row]:
        """Exactly `count` new records. Raises TooLate; more than that is a failure."""
        rows = wait_until(lambda: self.new() if len(self.new()) >= count else None, timeout_s, f"{count} call records")
        assert len(rows) == count, rows
        return rows

    def one(self, timeout_s: float = 30.0) -> Row:
        """The one new record."""
        return self.wait(1, timeout_s)[0]


def _child(parent: int, module: str) -> int | None:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if module.encode() in words and _parent(path.parent) == parent:
                return int(path.parent.name)
    return None


def _parent(process: Path) -> int:
    found = re.search(r"^PPid:\s+(\d+)$", (process / "status").read_text(), re.MULTILINE)
    return int(found[1]) if found is not None else 0


def memory_kb(pid: int) -> int:
    """Resident memory of a process."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])

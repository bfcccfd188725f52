"""Server: Cordboard with the bench profile, on ports and a data directory of its own."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bench.contender import Contender
from bench.program import Program
from bench.udp_port import HOST, RTP_PORTS, free_port, own_host

ROOT = Path(__file__).resolve().parent.parent
PROFILE = ROOT / "examples" / "bench.yaml"
BANNER = "Cordboard is up."
START_S = 60.0
TLS_CALLER = "127.0.0.2"
"""Where calls over TLS come from: a trunk without ports, since a connection has another one each time."""


class Server(Contender):
    """A running server; `load_in` and `load_out` are the ports of the profile's two trunks."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers. Raises StepFailed."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.load_in = free_port()
        self.load_out = free_port()
        self.media_host = own_host()
        self.data = folder / "data"
        profile = folder / "bench.yaml"
        self.held_in, self.held_out = free_port(), free_port()
        """Another pair of trunks, whose calls to 9001 are held beside the load."""
        profile.write_text(_with_ports(PROFILE.read_text(encoding="utf-8"), self.load_in, self.load_out))
        held = folder / "held.yaml"
        held.write_text(_HELD.format(host=HOST, held_in=self.held_in, held_out=self.held_out, tls_caller=TLS_CALLER))
        program = Program(
            "cordboard",
            [sys.executable, "-m", "cli", "serve", "--data", str(self.data), "--apply", str(profile), str(held)],
            folder,
            {
                "CORDBOARD_SIP_LISTEN": HOST,
                "CORDBOARD_SIP_UDP_PORT": str(self.port),
                "CORDBOARD_HTTP_PORT": "0",
                # Otherwise a fresh server would speak its prompts in the midst of what is measured.
                "CORDBOARD_SPEECH_PROMPTS": "false",
                "CORDBOARD_MEDIA_ADDRESS": self.media_host,
                "CORDBOARD_MEDIA_PUBLIC_ADDRESS": self.media_host,
                "CORDBOARD_MEDIA_PORT_MIN": str(RTP_PORTS[0]),
                "CORDBOARD_MEDIA_PORT_MAX": str(RTP_PORTS[-1]),
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                **(environment or {}),
            },
        )
        super().__init__(program, lambda: self._is_up(program), START_S, "the server says that it is up")

    def _is_up(self, program: Program) -> bool:
        return BANNER in program.log() and answers_options(self.port)

    def hang_up_signal(self) -> None:
        """SIGHUP: it looks at its files anew."""
        os.kill(self.pid, signal.SIGHUP)

    def call_records(self) -> int:
        """How many call records are committed."""
        return self._count("SELECT count(*) FROM calls")

    def answered_records(self) -> int:
        """How many of them are of answered calls."""
        return self._count("SELECT count(*) FROM calls WHERE answer_at_ms IS NOT NULL")

    def _count(self, query: str) -> int:
        path = self.data / "cordboard.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0])


def answers_options(port: int, timeout_s: float = 0.5) -> bool:
    """Whether something on loopback answers an OPTIONS request."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.settimeout(timeout_s)
        try:
            probe.connect((HOST, port))
            own = probe.getsockname()[1]
            probe.send(
                f"OPTIONS sip:{HOST}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{own};branch=z9hG4bKprobe{own}\r\n"
                f"From: <sip:probe@{HOST}>;tag=p\r\nTo: <sip:{HOST}>\r\nCall-ID: probe-{own}\r\nCSeq: 1 OPTIONS\r\n"
                "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
            )
            return probe.recv(4096).startswith(b"SIP/2.0 ")
        except OSError:
            return False


_HELD = """\
trunks:
  - {{name: held-in, tenant: bench, source_ips: ["{host}:{held_in}"], codecs: [PCMU, PCMA]}}
  - {{name: held-out, tenant: bench, peers: [{{host: "{host}", port: {held_out}}}], codecs: [PCMU, PCMA]}}
  - {{name: tls-in, tenant: bench, source_ips: ["{tls_caller}"]}}
dids:
  - {{number: "9001", trunk: held-in, tenant: bench, dest: {{type: external, trunk: held-out}}}}
  - {{number: "9005", trunk: tls-in, tenant: bench, dest: {{type: feature, target: echo}}}}
"""


def _with_ports(profile: str, load_in: int, load_out: int) -> str:
    """The profile with the trunks on other ports, so that two benchmarks never meet."""
    return profile.replace("127.0.0.1:5070", f"{HOST}:{load_in}").replace("port: 5080", f"port: {load_out}")

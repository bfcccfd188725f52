"""SIPp as a phone: one scenario, one call, an exit status that says whether all came as foreseen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.ports import Ports, is_bound
from tests.e2e.program import Program, path_of
from tests.e2e.server import Server
from tests.e2e.wait import wait_until

SCENARIOS = Path(__file__).resolve().parent / "sipp"
SCENARIO_S = 60
DEFAULTS = {"hold_ms": "500", "ring_ms": "300", "status": "486", "expires": "300", "reason": "cause="}
"""What stands for the words between @ signs of a scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How often a scenario is played: so many calls, that many begin in a second."""

    calls: int
    rate: int


ONCE = Turns(calls=1, rate=1)


class SippPhone:
    """A phone with one port, at one extension; it plays one scenario after the other.

    `transport` is SIPp's own word: u1 UDP, t1 one TCP connection for all calls, tn one for each.
    """

    def __init__(
        self,
        server: Server,
        ports: Ports,
        folder: Path,
        extension: str,
        *,
        password: str | None = None,
        transport: str = "u1",
    ) -> None:
        self._transport = transport
        self.server = server
        self.extension = extension
        self.port = ports.take(2)
        self._password = f"demo-{extension}" if password is None else password
        self._media_port = ports.take(4)
        self._folder = folder / f"sipp-{extension}-{self.port}"
        self._folder.mkdir(parents=True)
        self._runs: list[Program] = []

    def register(self, expires_s: int = 300) -> None:
        self.play("registers", expires=str(expires_s))
        self.finish()

    def call(self, number: str, scenario: str, **values: str) -> None:
        """Begin a call to a number."""
        self.play(scenario, number, ONCE, **values)

    def expect_call(self, scenario: str, **values: str) -> None:
        """Be ready for a call."""
        self.play(scenario, "", ONCE, **values)
        protocol = "udp" if self._transport.startswith("u") else "tcp"
        wait_until(lambda: is_bound(self.port, protocol), 20, f"SIPp listens on port {self.port}")

    def play(self, scenario: str, number: str = "", turns: Turns = ONCE, **values: str) -> None:
        """Start a scenario of `tests/e2e/sipp/`, once or in `turns`.

        `values` replace its words between @ signs.
        """
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        for name, value in {**DEFAULTS, **values}.items():
            text = text.replace(f"@{name}@", value)
        turn = len(self._runs) + 1
        path = self._folder / f"{turn}-{scenario}.xml"
        path.write_text(text, encoding="utf-8")
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        command = [
            path_of("sipp"), f"{host}:{self.server.port}", "-sf", str(path),
            "-t", self._transport, "-max_socket", "500", "-m", str(turns.calls), "-r", str(turns.rate), "-nostdin",
            "-i", self.server.host, "-p", str(self.port), "-mi", self.server.host, "-mp", str(self._media_port),
            "-s", number, "-key", "user", self.extension, "-au", self.extension, "-ap", self._password,
            "-auth_uri", f"{number or self.extension}@{host}:{self.server.port}",
            "-timeout", str(SCENARIO_S), "-timeout_error",
            "-trace_msg", "-message_file", str(self._folder / f"{turn}-messages.log"),
            "-trace_err", "-error_file", str(self._folder / f"{turn}-errors.log"),
        ]  # fmt: skip
        self._runs.append(Program(f"{turn}-{scenario}", command, self._folder, {"TERM": "dumb"}))

    def finish(self) -> None:
        """Wait until the scenario is over; it must have gone as written."""
        status = self._runs[-1].wait(SCENARIO_S + 15)
        assert status == 0, f"SIPp of {self.extension} ends with {status}\n{self.report()}"

    @property
    def messages(self) -> str:
        """Every message that the last scenario sent and received, with SIPp's headings."""
        path = self._folder / f"{len(self._runs)}-messages.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def statuses(self) -> list[int]:
        """The statuses that were received, in order, those of the challenge too."""
        received = re.findall(r"message received \[\d+\] bytes ?:\s+SIP/2\.0 (\d{3})", self.messages)
        return [int(status) for status in received]

    def report(self) -> str:
        if not self._runs:
            return "played nothing"
        errors = "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*-errors.log")))
        return f"{self.extension} at port {self.port}: {self._runs[-1].name}\n{errors}\n{self.messages[-8000:]}"

    def end(self) -> None:
        for run in self._runs:
            run.kill()

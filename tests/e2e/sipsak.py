"""sipsak: registers, asks and unregisters from the command line."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests.e2e.program import path_of
from tests.e2e.server import Server


@dataclass(frozen=True, slots=True)
class Answer:
    """What sipsak ended with: its exit status, and all that it printed."""

    status: int
    text: str

    @property
    def last(self) -> str:
        """The last SIP message in its output."""
        return "SIP/2.0 " + self.text.rpartition("SIP/2.0 ")[2] if "SIP/2.0 " in self.text else ""

    @property
    def contacts(self) -> set[str]:
        """The URIs of the Contact fields of the last message."""
        rows = [line for line in self.last.splitlines() if line.startswith("Contact:")]
        return {row.partition("<")[2].partition(">")[0] for row in rows}


def register(
    server: Server, extension: str, contact: str, expires_s: int | None, password: str | None = None
) -> Answer:
    """A REGISTER with digest; `contact` "empty" only asks, "*" stands for all."""
    command = [
        path_of("sipsak"), "-U", "-i", "-vvv", "-s", f"sip:{extension}@{server.host}:{server.port}",
        "-u", extension, "-a", password or f"demo-{extension}", "-C", contact,
    ]  # fmt: skip
    if expires_s is not None:
        command += ["-x", str(expires_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Answer(done.returncode, done.stdout + done.stderr)

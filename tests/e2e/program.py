"""Program: a process of the test's, its output in a file, gone when the test is over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.wait import TooLate, wait_until

PACKAGES = {
    "baresip": "baresip-core",
    "linphonec": "linphone-cli",
    "sipp": "sip-tester",
    "sipsak": "sipsak",
}
"""Program -> Debian package."""


def path_of(name: str) -> str:
    """Where a program lies; one that is missing fails the test and names its package."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: install the Debian package {PACKAGES[name]} (scripts/system-packages test)")
    return path


class Program:
    """One process in a process group of its own; `end` takes the whole group.

    `listens`: it takes what `say` writes on its standard input.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        listens: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.command = list(command)
        self.log_path = folder / f"{name}.log"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if listens else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def report(self) -> str:
        """What a failed test shows of this program."""
        return f"$ {' '.join(self.command)}\n[status {self.process.poll()}]\n{self.log()[-6000:]}"

    def say(self, line: str) -> None:
        """Write a line to the program's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def wait(self, timeout_s: float) -> int:
        """Its exit status. Raises TooLate."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TooLate(f"{self.name} still runs after {timeout_s:g} s\n{self.report()}") from None

    def wait_for_log(self, text: str, timeout_s: float) -> None:
        """Wait until the output holds `text`; ends early when the program does."""

        def seen() -> bool:
            if text in self.log():
                return True
            if self.process.poll() is not None:
                pytest.fail(f"{self.name} ended before it said {text!r}\n{self.report()}")
            return False

        wait_until(seen, timeout_s, f"{self.name} says {text!r}")

    def end(self, timeout_s: float = 10.0) -> None:
        """Ask it to end, then kill what is left of its group."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

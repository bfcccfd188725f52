"""Program: a process that the benchmark starts, in a group of its own, gone when the benchmark is."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_S = 0.05


class StepFailed(Exception):
    """A measurement cannot be made; the text says what, where, and what to do."""


class Program:
    """One process group; `end` takes all of it, and so does the end of the benchmark."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Raises StepFailed if the program is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log_path = folder / f"{name}.log"
        try:
            with self.log_path.open("ab") as log:
                self.process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env={**os.environ, "TERM": "dumb", **(environment or {})},
                    start_new_session=True,
                )
        except OSError as error:
            raise StepFailed(f"{name} does not start: {error} (scripts/system-packages bench installs it)") from error
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def log(self) -> str:
        """Everything that it has printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def check_alive(self) -> None:
        """Raises StepFailed with the end of the log if it has ended."""
        if self.process.poll() is not None:
            raise StepFailed(f"{self.name} ended with status {self.process.returncode}: {self.log()[-800:]}")

    def wait(self, timeout_s: float) -> int:
        """Its exit status. Raises StepFailed at the deadline."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"{self.name} still runs after {timeout_s:g} s: {self.log()[-800:]}") from None

    def end(self, timeout_s: float = 15.0) -> None:
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
        atexit.unregister(self.kill)


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for a condition. Raises StepFailed at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            raise StepFailed(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(POLL_S)

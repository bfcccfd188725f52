"""Supervisor: starts the server process, and again when it dies; `python -m pbx.supervisor`, by `cordboard`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import FrameType

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 10.0
HEALTHY_S = 30.0
EXIT_CONFIG = 78
"""sysexits.h EX_CONFIG: starting again would fail in the same way."""
EXIT_USAGE = 2
PATIENCE_S = 45
"""How long a server may take to end its calls and write everything down."""


class Supervisor:
    """Keeps one `python -m pbx.main` running until it ends by itself with a verdict, or a signal asks for the end."""

    def __init__(self, arguments: list[str]) -> None:
        self._command = [sys.executable, "-m", "pbx.main", "--supervisor", str(os.getpid()), *arguments]
        self._child: subprocess.Popen[bytes] | None = None
        self._ending = False

    def run(self) -> int:
        """The exit status of the last server process."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        # Of a terminal that closes it means the end; from anybody else, to look at the certificates now.
        signal.signal(signal.SIGHUP, self._end if sys.stdin is not None and sys.stdin.isatty() else self._pass_on)
        backoff_s = FIRST_BACKOFF_S
        while True:
            began = time.monotonic()
            self._child = subprocess.Popen(self._command, env=dict(os.environ))
            status = self._child.wait()
            if self._ending or status in (0, EXIT_CONFIG, EXIT_USAGE):
                return max(status, 0)
            if time.monotonic() - began > HEALTHY_S:
                backoff_s = FIRST_BACKOFF_S
            print(f"cordboard: the server ended with status {status}; next start in {backoff_s:.1f} s", file=sys.stderr)
            time.sleep(backoff_s)
            backoff_s = min(MAX_BACKOFF_S, 2 * backoff_s)
            if self._ending:
                return 0

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
        signal.signal(signal.SIGALRM, self._kill)
        signal.alarm(PATIENCE_S)
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def _kill(self, number: int, frame: FrameType | None) -> None:
        print(f"cordboard: the server did not end within {PATIENCE_S} s; killed", file=sys.stderr)
        if self._child is not None:
            self._child.kill()


if __name__ == "__main__":
    sys.exit(Supervisor(sys.argv[1:]).run())

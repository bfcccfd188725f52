"""Worker launcher: starts media workers by exec with inherited descriptors."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class WorkerProcess(Protocol):
    """A started worker, as far as the client needs it."""

    pid: int

    def poll(self) -> int | None:
        """Give the exit status, None while it runs."""

    def kill(self) -> None:
        """End it by SIGKILL."""


class Launcher(Protocol):
    """Starts one worker with the given descriptors."""

    def __call__(self, control_fd: int, memory_fd: int) -> WorkerProcess:
        """Start it. Raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecLauncher:
    """Starts `python -m media.worker` with this interpreter and this source tree."""

    relay_window_us: int = 300
    silence_s: float = 2.0
    rtcp_interval_s: float = 5.0
    orphan_s: float = 60.0

    def __call__(self, control_fd: int, memory_fd: int) -> WorkerProcess:
        """Start it. Raises OSError."""
        root = str(Path(__file__).resolve().parent.parent)
        known = os.environ.get("PYTHONPATH")
        path = root if not known else f"{root}{os.pathsep}{known}"
        command = [
            sys.executable,
            "-m",
            "media.worker",
            f"--control-fd={control_fd}",
            f"--memory-fd={memory_fd}",
            f"--relay-window-us={self.relay_window_us}",
            f"--silence-s={self.silence_s}",
            f"--rtcp-interval-s={self.rtcp_interval_s}",
            f"--orphan-s={self.orphan_s}",
        ]
        # One malloc arena: the relay thread allocates next to nothing.
        environment = {**os.environ, "PYTHONPATH": path, "MALLOC_ARENA_MAX": "1"}
        return subprocess.Popen(command, pass_fds=(control_fd, memory_fd), env=environment, stdin=subprocess.DEVNULL)

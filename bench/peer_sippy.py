"""Sippy B2BUA as a peer: signalling only, one static route, its log switched off."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.program import Program, wait_until
from bench.udp_port import HOST, free_port, is_bound


class Sippy:
    """`b2bua_simple` sending every call to `load_out`; it relays no media and writes no call records."""

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it listens. Raises StepFailed."""
        self.port, self.load_in, self.load_out = free_port(), free_port(), free_port()
        script = Path(sysconfig.get_path("scripts")) / "b2bua_simple"
        self.program = Program(
            "sippy",
            [str(script), "-f", "-l", HOST, "-p", str(self.port), "-n", f"{HOST}:{self.load_out}"],
            folder,
            {"SIPLOG_BEND": "none"},
        )
        try:
            wait_until(self._listens, 15.0, f"Sippy listens on port {self.port}")
        except BaseException:
            self.program.kill()
            raise

    @property
    def pid(self) -> int:
        return self.program.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.kill()

    def _listens(self) -> bool:
        self.program.check_alive()
        return is_bound(self.port)

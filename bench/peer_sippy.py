"""Sippy B2BUA as a peer: signalling only, one static route, its log switched off."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from bench.contender import Contender
from bench.program import Program
from bench.udp_port import HOST, free_port, is_bound


class Sippy(Contender):
    """`b2bua_simple` sending every call to `load_out`; it relays no media and writes no call records."""

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it listens. Raises StepFailed."""
        self.port, self.load_in, self.load_out = free_port(), free_port(), free_port()
        script = Path(sysconfig.get_path("scripts")) / "b2bua_simple"
        program = Program(
            "sippy",
            [str(script), "-f", "-l", HOST, "-p", str(self.port), "-n", f"{HOST}:{self.load_out}"],
            folder,
            {"SIPLOG_BEND": "none"},
        )
        super().__init__(program, lambda: is_bound(self.port), 15.0, f"Sippy listens on port {self.port}")

    def close(self) -> None:
        """It knows no orderly end."""
        self.program.kill()

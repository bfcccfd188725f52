"""Contender: a server program under measurement, started until it answers and ended for certain."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from bench.program import Program, wait_until


class Contender:
    """Holds one program; a context manager that ends it, and whatever `close` lets go of."""

    def __init__(self, program: Program, is_up: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until `is_up`; `what` says what is waited for. Raises StepFailed."""
        self.program = program

        def up() -> bool:
            program.check_alive()
            return is_up()

        try:
            wait_until(up, timeout_s, what)
        except BaseException:
            program.kill()
            raise

    @property
    def pid(self) -> int:
        """The first process; all others of the program descend from it."""
        return self.program.pid

    def close(self) -> None:
        """End the program in order."""
        self.program.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""What is wrong with a configuration document, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error: `file` and `line` of the offending node, its `field` path, what is allowed there."""

    file: str
    line: int
    field: str
    message: str
    allowed: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        field = f"{self.field}: " if self.field else ""
        allowed = f" (allowed: {self.allowed})" if self.allowed else ""
        return f"{place}{field}{self.message}{allowed}"

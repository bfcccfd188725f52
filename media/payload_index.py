"""Payload index: which payload files are ready, and what they were made from."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

INDEX: Final = "index.json"
RENDERER: Final = 1
"""Goes up whenever the same source would give other payload: everything is then made anew."""

Origin: TypeAlias = list[list[Any]]
"""[path, modification time in ns, size] of each source file."""


def origin_of(sources: Sequence[Path]) -> Origin:
    """What tells whether sources have changed. Raises OSError."""
    found = []
    for source in sources:
        status = source.stat()
        found.append([str(source), status.st_mtime_ns, status.st_size])
    return found


class PayloadIndex:
    """The index of one folder of payload files, kept beside them; one that cannot be read counts as empty."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / INDEX
        self._changed = False
        self._known: dict[str, tuple[Origin, int]] = _read(self._path)

    def duration_ms(self, name: str, path: Path, origin: Origin) -> int | None:
        """How long the payload file of a name is; None where it has to be made from `origin`."""
        known = self._known.get(name)
        return known[1] if known is not None and known[0] == origin and path.exists() else None

    def note(self, name: str, origin: Origin, duration_ms: int) -> None:
        """A payload file was made."""
        self._known[name] = (origin, duration_ms)
        self._changed = True

    def save(self) -> None:
        """Write down what was noted. Raises OSError."""
        if not self._changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{INDEX}.{os.getpid()}")
        draft.write_text(json.dumps({"renderer": RENDERER, "files": self._known}), encoding="utf-8")
        draft.replace(self._path)
        self._changed = False


def _read(path: Path) -> dict[str, tuple[Origin, int]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["renderer"] != RENDERER:
            return {}
        return {name: (origin, int(duration_ms)) for name, (origin, duration_ms) in content["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}

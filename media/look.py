"""Look: questions about the statistics of many ports that a worker is answering."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from media.event import PortStats, unpack_stats
from media.worker_protocol import LOOK, MOST_LOOKS


@dataclass(slots=True)
class Look:
    """One question; `rows` are by port id."""

    done: asyncio.Future[None]
    commands: list[list[Any]]
    rows: dict[int, PortStats] = field(default_factory=dict)


class Looks:
    """The open questions to one worker; an answer that comes too late finds nobody."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[int, Look] = {}
        self._question = 0

    def ask(self, port_ids: Sequence[int]) -> tuple[int, Look]:
        """Open a question; its commands are to be sent in order."""
        self._question += 1
        question = self._question
        parts = [list(port_ids[start : start + MOST_LOOKS]) for start in range(0, len(port_ids), MOST_LOOKS)]
        commands = [[LOOK, question, part, part is parts[-1]] for part in parts]
        look = self._open[question] = Look(self._loop.create_future(), commands)
        return question, look

    def close(self, question: int) -> None:
        """Nobody waits for the answer any more."""
        self._open.pop(question, None)

    def row(self, question: int, port_id: int, packed: Sequence[Any]) -> None:
        """Take the statistics of one port. Raises BadMediaEvent."""
        look = self._open.get(question)
        if look is not None:
            look.rows[port_id] = unpack_stats(packed)

    def answered(self, question: int) -> None:
        """All rows of a question have come."""
        look = self._open.get(question)
        if look is not None and not look.done.done():
            look.done.set_result(None)

    def lose(self) -> None:
        """The worker has died: every question ends without rows."""
        for question, look in list(self._open.items()):
            look.rows.clear()
            self.answered(question)

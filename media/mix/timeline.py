"""Timeline: sequence numbers and timestamps of one stream, unwrapped; jumps are told from reordering (RFC 3550 A.1)."""

from __future__ import annotations

from typing import Final

MOST_MISORDER: Final = 100
MOST_DROPOUT: Final = 3000


class Timeline:
    """Turns 16-bit sequence numbers and 32-bit timestamps into numbers that do not wrap round."""

    def __init__(self) -> None:
        self.sequence = 0
        """The highest so far."""
        self.timestamp = 0
        self._expected = -1

    def begin(self, sequence: int, timestamp: int) -> None:
        """A stream begins with this packet."""
        self.sequence, self.timestamp, self._expected = sequence, timestamp, -1

    def place(self, sequence: int, timestamp: int) -> tuple[int, int] | None:
        """The packet's sequence number and timestamp, unwrapped; None where the first lies too far off to be right."""
        step = (sequence - self.sequence + 0x8000 & 0xFFFF) - 0x8000
        if not -MOST_MISORDER <= step <= MOST_DROPOUT:
            return None
        placed = (
            self.sequence + step,
            self.timestamp + (timestamp - self.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000,
        )
        if step > 0:
            self.sequence, self.timestamp = placed
        return placed

    def begins_anew(self, sequence: int) -> bool:
        """Whether a packet that has no place confirms the one before it: the sender began anew."""
        anew = sequence == self._expected
        self._expected = sequence + 1 & 0xFFFF
        return anew

"""Tokens for tags, branches and Call-IDs (RFC 3261 §19.3): unguessable, and cheap by being drawn in bulk."""

from __future__ import annotations

from collections.abc import Callable

TOKEN_BYTES = 8
BULK_BYTES = 4096


class TokenSource:
    """Hexadecimal tokens of 64 random bits from `draw`, the operating system's generator."""

    __slots__ = ("_draw", "_place", "_pool")

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw
        self._pool = ""
        self._place = 0

    def next(self) -> str:
        place = self._place
        if place >= len(self._pool):
            self._pool = self._draw(BULK_BYTES).hex()
            place = 0
        self._place = place + 2 * TOKEN_BYTES
        return self._pool[place : self._place]

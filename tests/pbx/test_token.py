"""Tokens: of the generator's bytes, each once."""

from __future__ import annotations

import os

from pbx.token import BULK_BYTES, TOKEN_BYTES, TokenSource


def test_tokens_are_consecutive_slices_of_what_was_drawn() -> None:
    drawn: list[bytes] = []

    def draw(size: int) -> bytes:
        drawn.append(bytes([len(drawn)]) * size)
        return drawn[-1]

    source = TokenSource(draw)
    per_draw = BULK_BYTES // TOKEN_BYTES
    tokens = [source.next() for _ in range(per_draw + 1)]
    assert tokens[0] == "00" * TOKEN_BYTES
    assert tokens[-1] == "01" * TOKEN_BYTES
    assert len(drawn) == 2


def test_no_token_comes_twice() -> None:
    source = TokenSource(os.urandom)
    assert len({source.next() for _ in range(5000)}) == 5000

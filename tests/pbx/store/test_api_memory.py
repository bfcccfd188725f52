"""What the API knows over a restart: bounded, and for a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from pbx.store import api_memory
from pbx.store.api_memory import KEEP_MS, ApiMemory, StoredAnswer

AT_MS = 1_790_000_000_000
ANSWER = StoredAnswer(
    who="token a", key="k", digest="d", at_ms=AT_MS, status=201, headers=(("ETag", '"1"'),), body=b'{"a": "\xc3\xa9"}'
)


def test_answers_are_kept_for_a_day(open_database: Callable[[], Engine]) -> None:
    memory = ApiMemory(open_database())
    memory.keep(ANSWER)
    assert memory.answer("token a", "k", AT_MS + KEEP_MS - 1) == ANSWER
    assert memory.answer("token a", "k", AT_MS + KEEP_MS) is None
    assert memory.answer("token b", "k", AT_MS) is None
    newer = replace(ANSWER, at_ms=AT_MS + 5, status=200)
    memory.keep(newer)
    assert memory.answer("token a", "k", AT_MS) == newer
    memory.keep(replace(ANSWER, key="other", at_ms=AT_MS + 2 * KEEP_MS))
    assert memory.answer("token a", "k", AT_MS) is None


def test_the_oldest_answers_go_where_there_are_too_many(
    open_database: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_memory, "MOST_ANSWERS", 3)
    memory = ApiMemory(open_database())
    for number in range(5):
        memory.keep(replace(ANSWER, key=str(number), at_ms=AT_MS + number))
    assert [memory.answer("token a", str(number), AT_MS) is None for number in range(5)] == [True, True] + [False] * 3


def test_uses_of_tokens(open_database: Callable[[], Engine]) -> None:
    memory = ApiMemory(open_database())
    memory.note_uses({})
    memory.note_uses({"a": 1, "b": 2})
    memory.note_uses({"a": 3})
    assert memory.uses() == {"a": 3, "b": 2}

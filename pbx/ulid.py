"""ULID: 26-character ids that sort by the time of their making.

48 bits of Unix milliseconds and 80 random bits in Crockford base 32 (github.com/ulid/spec); ids of
one factory strictly increase, also within one millisecond and when the clock steps back.
"""

from __future__ import annotations

from random import Random
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS: Final = 80
_MAX_MS: Final = (1 << 48) - 1


def _encode_random(value: int) -> str:
    pairs = _PAIRS
    return (
        pairs[value >> 70]
        + pairs[value >> 60 & 1023]
        + pairs[value >> 50 & 1023]
        + pairs[value >> 40 & 1023]
        + pairs[value >> 30 & 1023]
        + pairs[value >> 20 & 1023]
        + pairs[value >> 10 & 1023]
        + pairs[value & 1023]
    )


def _encode_ms(value: int) -> str:
    return "".join(_PAIRS[value >> shift & 1023] for shift in (40, 30, 20, 10, 0))


class UlidFactory:
    """Makes ULIDs from a given source of random bits; one per process and purpose."""

    __slots__ = ("_ms", "_random", "_rng", "_time_text")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._ms = -1
        self._random = 0
        self._time_text = ""

    def new(self, now_ms: int) -> str:
        """Next id at Unix time `now_ms` (milliseconds); greater than every id before it.

        Raises ValueError when `now_ms` is negative or beyond the year 10889.
        """
        if now_ms > self._ms:
            if now_ms > _MAX_MS:
                raise ValueError(f"ULID time {now_ms} ms does not fit 48 bits")
            self._ms = now_ms
            self._time_text = _encode_ms(now_ms)
            # The top bit stays clear, so that counting up inside a millisecond cannot overflow.
            self._random = self._rng.getrandbits(_RANDOM_BITS - 1)
        elif now_ms < 0:
            raise ValueError(f"ULID time {now_ms} ms is before 1970")
        else:
            # Spec "Monotonicity": the same (or an earlier) millisecond counts up. A random step keeps
            # the next id unguessable.
            self._random += 1 + self._rng.getrandbits(32)
        return self._time_text + _encode_random(self._random)


def first_of(at_ms: int) -> str:
    """The smallest id of a Unix time in milliseconds; times beyond what an id can hold are cut to it."""
    return _encode_ms(min(max(at_ms, 0), _MAX_MS)) + "0" * 16


def time_ms(ulid: str) -> int:
    """The Unix milliseconds of an id. Raises ValueError for what is none."""
    value = 0
    for letter in ulid[:10]:
        value = value << 5 | _ALPHABET.index(letter)
    return value

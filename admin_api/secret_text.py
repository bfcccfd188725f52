"""The text of a token: how one looks, how one is made, and what of it is kept.

`cbt_ID_SECRETCHECK`: a prefix that scanners for leaked secrets can look for, an id that is no secret, 32 letters and
digits of secret (190 bits), and a CRC-32 of all before it, so that a mistyped token is known without a look-up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final, NamedTuple
from zlib import crc32

PREFIX: Final = "cbt"
ID_LETTERS: Final = 12
SECRET_LETTERS: Final = 32
CHECK_LETTERS: Final = 6
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE: Final = re.compile(rf"{PREFIX}_([0-9a-z]{{{ID_LETTERS}}})_[0-9A-Za-z]{{{SECRET_LETTERS + CHECK_LETTERS}}}")


class NewSecret(NamedTuple):
    """A token just made: its id, the text to show once, the hash to keep."""

    id: str
    text: str
    sha256: str


def make_secret(choose: Callable[[str], str]) -> NewSecret:
    """A new token; `choose` picks a letter of a text as `secrets.choice` does."""
    name = "".join(choose(_DIGITS[:10] + _DIGITS[36:]) for _ in range(ID_LETTERS))
    body = f"{PREFIX}_{name}_{''.join(choose(_DIGITS) for _ in range(SECRET_LETTERS))}"
    text = body + _check(body)
    return NewSecret(name, text, hash_of(text))


def id_of(text: str) -> str | None:
    """The id of a token; None for what cannot be one."""
    found = _SHAPE.fullmatch(text)
    if found is None or _check(text[:-CHECK_LETTERS]) != text[-CHECK_LETTERS:]:
        return None
    return found[1]


def hash_of(text: str) -> str:
    """What is kept of a token. Its secret is random and long: a plain hash cannot be turned back."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check(body: str) -> str:
    value, letters = crc32(body.encode("ascii")), ""
    for _ in range(CHECK_LETTERS):
        value, digit = divmod(value, len(_DIGITS))
        letters = _DIGITS[digit] + letters
    return letters

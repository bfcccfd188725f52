"""Bencode: what rtpengine's control protocol is written in."""

from __future__ import annotations

from typing import TypeAlias

Value: TypeAlias = "int | str | list[Value] | dict[str, Value]"


def encode(value: Value) -> bytes:
    """Text as UTF-8, keys of dictionaries in order."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        text = value.encode()
        return b"%d:%s" % (len(text), text)
    if isinstance(value, list):
        return b"l%se" % b"".join(encode(one) for one in value)
    return b"d%se" % b"".join(encode(key) + encode(value[key]) for key in sorted(value))


def decode(data: bytes) -> Value:
    """The one value that `data` holds. Raises ValueError if it is not bencoded."""
    try:
        value, end = _decode(data, 0)
    except (IndexError, RecursionError) as error:
        raise ValueError(f"not bencoded: {data[:80]!r}") from error
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes follow a bencoded value")
    return value


def _decode(data: bytes, at: int) -> tuple[Value, int]:
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        values: list[Value] = []
        at += 1
        while data[at] != ord("e"):
            value, at = _decode(data, at)
            values.append(value)
        if kind == b"l":
            return values, at + 1
        return {str(key): value for key, value in zip(values[::2], values[1::2], strict=True)}, at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end].decode("utf-8", "replace"), end

"""Deterministic damage to SIP datagrams: bytes, lines, header fields, numbers, separators."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

INTERESTING_BYTES: Final = b'\x00\t\n\r "%()*,:;<=>?@[\\]{}\x7f\x80\xc3\xff'
INTERESTING_VALUES: Final = (
    b"",
    b"0",
    b"-1",
    b"2147483648",
    b"4294967296",
    b"36893488147419103232",
    b"*",
    b",",
    b";;",
    b'"',
    b"<>",
    b"<sip:>",
    b"sip:@",
    b"sip:a@b:99999",
    b"<sip:a@[::1>",
    b'"\\',
    b"SIP/2.0/UDP",
    b"SIP/2.0/UDP a:0;branch=",
    b"\xff\xfe",
    b"x" * 300,
)
HEADER_NAMES: Final = (
    b"Via", b"v", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Max-Forwards", b"Route", b"Record-Route",
    b"Content-Length", b"l", b"Content-Type", b"Require", b"Expires", b"RAck", b"RSeq", b"Session-Expires",
    b"Authorization", b"Replaces", b"Refer-To", b"Event", b"X",
)  # fmt: skip


def _flip_byte(rng: random.Random, data: bytes) -> bytes:
    at = int(rng.random() * len(data))
    return data[:at] + bytes((data[at] ^ (1 << int(rng.random() * 8)),)) + data[at + 1 :]


def _insert_byte(rng: random.Random, data: bytes) -> bytes:
    at = int(rng.random() * (len(data) + 1))
    which = int(rng.random() * len(INTERESTING_BYTES))
    return data[:at] + INTERESTING_BYTES[which : which + 1] + data[at:]


def _replace_byte(rng: random.Random, data: bytes) -> bytes:
    at = int(rng.random() * len(data))
    which = int(rng.random() * len(INTERESTING_BYTES))
    return data[:at] + INTERESTING_BYTES[which : which + 1] + data[at + 1 :]


def _delete_span(rng: random.Random, data: bytes) -> bytes:
    at = int(rng.random() * len(data))
    return data[:at] + data[at + 1 + int(rng.random() * 12) :]


def _repeat_span(rng: random.Random, data: bytes) -> bytes:
    at = int(rng.random() * len(data))
    span = data[at : at + 1 + int(rng.random() * 40)]
    return data[:at] + span * (2 + int(rng.random() * 4)) + data[at:]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: int(rng.random() * len(data))]


def _pick_line(rng: random.Random, data: bytes) -> tuple[int, int]:
    """Start and end, without CRLF, of the line at a random place."""
    at = int(rng.random() * len(data))
    start = data.rfind(b"\r\n", 0, at) + 2
    if start == 1:
        start = 0
    end = data.find(b"\r\n", start)
    return start, len(data) if end < 0 else end


def _drop_line(rng: random.Random, data: bytes) -> bytes:
    start, end = _pick_line(rng, data)
    return data[:start] + data[end + 2 :]


def _double_line(rng: random.Random, data: bytes) -> bytes:
    start, end = _pick_line(rng, data)
    return data[:end] + b"\r\n" + data[start:]


def _replace_value(rng: random.Random, data: bytes) -> bytes:
    start, end = _pick_line(rng, data)
    colon = data.find(b":", start, end)
    value = INTERESTING_VALUES[int(rng.random() * len(INTERESTING_VALUES))]
    return data[: colon + 1 if colon >= 0 else start] + b" " + value + data[end:]


def _rename_header(rng: random.Random, data: bytes) -> bytes:
    start, end = _pick_line(rng, data)
    colon = data.find(b":", start, end)
    name = HEADER_NAMES[int(rng.random() * len(HEADER_NAMES))]
    return data[:start] + name + (data[colon:] if colon >= 0 else b": " + data[start:])


def _add_header(rng: random.Random, data: bytes) -> bytes:
    start, _ = _pick_line(rng, data)
    name = HEADER_NAMES[int(rng.random() * len(HEADER_NAMES))]
    value = INTERESTING_VALUES[int(rng.random() * len(INTERESTING_VALUES))]
    return data[:start] + name + b": " + value + b"\r\n" + data[start:]


def _fold_line(rng: random.Random, data: bytes) -> bytes:
    at = data.find(b" ", int(rng.random() * len(data)))
    return data if at < 0 else data[:at] + b"\r\n" + data[at:]


def _swap_line_ends(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", (b"\n", b"\r", b"\n\r")[int(rng.random() * 3)])


DAMAGES: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    _flip_byte,
    _insert_byte,
    _replace_byte,
    _delete_span,
    _repeat_span,
    _cut,
    _drop_line,
    _double_line,
    _replace_value,
    _rename_header,
    _add_header,
    _fold_line,
    _swap_line_ends,
)


def mutate(rng: random.Random, data: bytes) -> bytes:
    """`data` with one to three damages; the same `rng` state and data always give the same bytes."""
    for _ in range(1 + int(rng.random() * 3)):
        if not data:
            return data
        data = DAMAGES[int(rng.random() * len(DAMAGES))](rng, data)
    return data

"""Framing: a stream's bytes in, whole messages out (RFC 3261 §18.3), keep-alives counted (RFC 5626 §4.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sip.errors import SipError

PONG: Final = b"\r\n"
PING: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FramingLimits:
    """How large a message may be, in bytes: its start line and header fields, and all of it."""

    head: int = 32_768
    message: int = 65_536


class FramingError(SipError):
    """A stream in which nobody can tell where the next message begins: answer `status` if you can, then close.

    `head` is the start line with the header fields, as far as they came whole; b"" where none did.
    """

    def __init__(self, reason: str, *, status: int = 400, head: bytes = b"") -> None:
        super().__init__(reason, status)
        self.reason = reason
        self.status = status
        self.head = head

    def __str__(self) -> str:
        return self.reason


_LENGTHS: Final = re.compile(rb"\n(?:[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]|[Ll])[ \t]*:([^\n]*)")
# A method or "SIP/2.0" begins with a letter in all of SIP; a TLS greeting or a binary protocol does not.
_FIRST: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


class StreamFramer:
    """One direction of one connection. `feed` takes what came, `next_message` gives messages until there is None.

    Every byte is looked at once, however small the pieces are in which it comes.
    """

    __slots__ = ("_buffer", "_limits", "_need", "_scanned", "_silences", "pongs_awaited", "pongs_due")

    def __init__(self, limits: FramingLimits | None = None) -> None:
        self._limits = limits or FramingLimits()
        self._buffer = bytearray()
        self._scanned = 0
        """How far the buffer was searched for the end of the header fields."""
        self._need = 0
        """The size of the message at the front, once its header fields are there."""
        self._silences = 0
        """Empty lines since the last message, less those that were answered."""
        self.pongs_due = 0
        """Pings that were not answered yet; whoever answers them sets it back."""
        self.pongs_awaited = 0
        """Pings of ours: so many single empty lines are their answers, not half a ping."""

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_message(self) -> bytes | None:
        """The next whole message; None until more comes. Raises FramingError; nothing can be read after that."""
        buffer = self._buffer
        if not self._need:
            if not buffer:
                return None
            if buffer[0] not in _FIRST:
                self._skip_empty_lines()
                if not buffer or buffer == b"\r":
                    return None
            if not self._find_size():
                return None
        need = self._need
        if len(buffer) < need:
            return None
        message = bytes(buffer) if len(buffer) == need else bytes(memoryview(buffer)[:need])
        del buffer[:need]
        self._need = self._scanned = self._silences = 0
        return message

    def _skip_empty_lines(self) -> None:
        """Two empty lines between messages are a ping, one is a pong (RFC 5626 §4.4.1)."""
        buffer = self._buffer
        at = 0
        while buffer.startswith(b"\r\n", at):
            at += 2
            if self.pongs_awaited:
                self.pongs_awaited -= 1
                continue
            self._silences += 1
            if self._silences == 2:
                self._silences = 0
                self.pongs_due += 1
        del buffer[:at]
        if buffer and buffer != b"\r" and buffer[0] not in _FIRST:
            raise FramingError("what comes is not SIP")

    def _find_size(self) -> bool:
        """Whether the header fields are whole; the size of the message is known then."""
        buffer, limits = self._buffer, self._limits
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if end < 0:
            if len(buffer) > limits.head:
                raise FramingError(f"the header fields are over {limits.head} bytes", status=513)
            self._scanned = max(0, len(buffer) - 3)
            return False
        head_size = end + 4
        if head_size > limits.head:
            raise FramingError(f"the header fields are over {limits.head} bytes", status=513)
        # To the last line's end and not beyond: the pattern begins with the line end before a field.
        found = _LENGTHS.findall(buffer, 0, end + 1)
        if len(found) != 1:
            reason = "Content-Length stands twice" if found else "Content-Length is missing"
            raise FramingError(reason, head=bytes(buffer[:head_size]))
        digits = found[0].strip()
        if not digits.isdigit() or len(digits) > 10:
            raise FramingError("Content-Length is not a number", head=bytes(buffer[:head_size]))
        size = head_size + int(digits)
        if size > limits.message:
            raise FramingError(f"over {limits.message} bytes", status=513, head=bytes(buffer[:head_size]))
        self._need = size
        return True

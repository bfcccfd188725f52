"""Messages between `control` and `records`: length-prefixed msgpack over a stream."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]

_LENGTH: Final = struct.Struct("<I")
MAX_FRAME: Final = 256 * 1024 * 1024


class FrameError(Exception):
    """The far end of the channel sent something that is no frame."""


def pack_frame(message: object) -> bytes:
    """One message as bytes, its length in front. Raises TypeError for what is not plain data."""
    body: bytes = msgpack.packb(message)
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """The next message, or None when the channel was closed between two.

    Raises FrameError for a broken or cut-off frame.
    """
    try:
        head = await reader.readexactly(_LENGTH.size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise FrameError(f"frame of {length} bytes is over the limit of {MAX_FRAME}")
    try:
        return msgpack.unpackb(await reader.readexactly(length), strict_map_key=False)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise FrameError("the channel was closed inside a frame") from error
    except ValueError as error:
        raise FrameError(f"frame of {length} bytes is not msgpack: {error}") from error

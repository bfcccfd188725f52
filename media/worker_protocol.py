"""What control and a media worker say to each other: msgpack messages on a SEQPACKET socket pair.

To the worker: `[number, confirm, [command, ...]]`; a message with `open` commands carries their sockets by
SCM_RIGHTS, two each (RTP, RTCP), in order. From the worker: `[confirmed number, [event, ...]]`.

A LOOK is answered by `["stats", question, port_id, PortStats]` for each port that is open, then `["looked", question]`;
a long one is asked in several commands, of which only the last carries the closing `true`.
"""

from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]

OPEN = 1  # [OPEN, port_id, slot]
PUT = 2  # [PUT, port_id, revision, PortState.pack()]
CLOSE = 3  # [CLOSE, port_id]
FORGET = 4  # [FORGET, port_id]
STOP = 5  # [STOP]
SOUND = 7  # [SOUND, room, [RoomSound.pack(), ...]]
LOOK = 6  # [LOOK, question, [port_id, ...], last]; answered by pseudo events, see below

MOST_OPENS = 100
"""Opens in one message: the kernel passes at most 253 descriptors at once."""

SLOT_BYTES = 512
"""Shared memory kept for one port: what must outlive the worker process (media/_port.pxd, Durable)."""

MOST_LOOKS = 100
"""Ports in one LOOK, so that a message of MOST_COMMANDS of them still fits."""

MOST_COMMANDS = 200
MESSAGE_BYTES = 1 << 18

pack: Callable[[Any], bytes] = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def unpack(message: bytes | memoryview) -> Any:
    """Read one message. Raises ValueError for bytes that are no message."""
    try:
        return msgpack.unpackb(message, raw=False, use_list=True, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"media worker message of {len(message)} bytes: {error}") from error

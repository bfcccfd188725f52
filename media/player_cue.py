"""Player cue: the bytes that a player plays, and where in them it begins."""

from functools import lru_cache
from typing import Literal

from media.payload_map import PayloadFiles, frame_starts
from media.port_state import Player

_LAWS = {0: "mu", 8: "a"}
"""Static payload types whose octets are samples."""


def cue(files: PayloadFiles, player: Player, now_ms: int) -> tuple[memoryview, int]:
    """Give (all octets of the player in order, offset of the first frame). Raises OSError, ValueError.

    One file at its own loudness is not copied. `now_ms` is the clock that shared players go by.
    """
    views = [files.get(player, path) for path in (player.path, *player.more)]
    whole = [view[: len(view) - len(view) % player.frame_bytes] if player.frame_bytes else view for view in views]
    data = views[0] if len(views) == 1 else memoryview(b"".join(whole))
    if player.gain_db:
        law = _LAWS.get(player.payload_type)
        if law is None:
            raise ValueError(f"player {player.id}: payload type {player.payload_type} cannot be made louder or softer")
        data = memoryview(bytes(data).translate(_scaled(law, player.gain_db)))
    return data, _position(player, data, now_ms)


def _position(player: Player, data: memoryview, now_ms: int) -> int:
    if not player.shared and not player.start_ms:
        return 0
    starts = frame_starts(data) if not player.frame_bytes else None
    frames = len(starts) if starts is not None else len(data) // player.frame_bytes
    if player.shared:
        frame = now_ms // player.ptime_ms % frames
    else:
        frame = min(player.start_ms // player.ptime_ms, frames - 1)
    return starts[frame] if starts is not None else frame * player.frame_bytes


@lru_cache(maxsize=64)
def _scaled(law: str, gain_db: float) -> bytes:
    """For each octet of the law the octet of that sample with a gain."""
    # Only here: a process that plays no sound softer does without numpy.
    import numpy as np

    from media.codecs.g711 import codes, levels

    law_name: Literal["mu", "a"] = "mu" if law == "mu" else "a"
    scaled = np.clip(np.round(levels(law_name) * 10.0 ** (gain_db / 20.0)), -32768, 32767).astype(np.int16)
    return bytes(codes(law_name).take(scaled.view(np.uint16)))

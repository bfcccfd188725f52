"""Ready file: where a prepared payload file lies and how it is played; carries no samples and needs no numpy."""

from typing import NamedTuple

from media.port_state import Player


class ReadyFile(NamedTuple):
    """A file of raw codec frames; `frame_bytes` 0: framed, each behind its length.

    A named tuple, so that msgpack carries it as a list: `ReadyFile(*item)`.
    """

    path: str
    duration_ms: int
    frame_bytes: int
    samples_per_frame: int
    ptime_ms: int

    def player(
        self,
        ident: int,
        payload_type: int,
        *,
        plays: int | None = 1,
        more: tuple[str, ...] = (),
        shared: bool = False,
    ) -> Player:
        """Give the player of this file, and of `more` of the same kind behind it; `plays` None loops for ever."""
        return Player(
            id=ident,
            path=self.path,
            payload_type=payload_type,
            frame_bytes=self.frame_bytes,
            samples_per_frame=self.samples_per_frame,
            ptime_ms=self.ptime_ms,
            plays=plays,
            more=more,
            shared=shared,
        )

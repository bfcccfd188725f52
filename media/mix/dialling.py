"""Dialling: keys as sound in what members hear, in place of everything else."""

from __future__ import annotations

from media.codecs import Samples
from media.detect.dtmf_tone import DtmfTones
from media.mix.room import RoomGroup


class Dialling:
    """At most one row of keys for each member."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[int, DtmfTones]] = {}

    def __bool__(self) -> bool:
        return bool(self._runs)

    def begin(self, port_id: int, digits_id: int, tones: DtmfTones) -> None:
        """From the next tick on; what was being dialled is cut off."""
        self._runs[port_id] = digits_id, tones

    def keep(self, port_ids: set[int]) -> None:
        """Forget all but these members."""
        self._runs = {port_id: run for port_id, run in self._runs.items() if port_id in port_ids}

    def say(self, rooms: RoomGroup, heard: Samples) -> None:
        """Put the next 20 ms into the rows of those that are dialled to."""
        for row, member in enumerate(rooms.members):
            run = self._runs.get(member.port_id)
            if run is None:
                continue
            _, tones = run
            tones.retune(rooms.rate_hz)
            heard[row] = tones.frame(heard.shape[1])
            rooms.hears_the_sum[row] = False
            # Keys are something to be heard, though nobody in the room has spoken yet.
            member.fresh = 0

    def ended(self) -> list[tuple[int, int]]:
        """Take (port, id) of those rows of keys that are over."""
        over = [(port_id, digits_id) for port_id, (digits_id, tones) in self._runs.items() if tones.over]
        for port_id, _ in over:
            del self._runs[port_id]
        return over

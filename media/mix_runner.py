"""Mix runner: the worker's mix path and taps beside its data path: what is due when, and what a state asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from media.event import DigitsSent, PortClosed, PortEvent, PortStats, TapFailed
from media.mix_state import BadMixState, RoomSound
from media.port_state import BadPortState, PortState, SentDigits
from media.tap_writer import WRITE_WITHIN_S, TapWriter

if TYPE_CHECKING:
    from media.datapath import Datapath
    from media.mix.member import Member
    from media.mix.mixer import Mixer

TICK_NS: Final = 20_000_000
CATCH_UP: Final = 5
"""Ticks made up at once after a stall; what is older is left out, and counted."""
_TONELESS: Final = frozenset("!")
_WRITE_NS: Final = int(WRITE_WITHIN_S * 1e9)


class MixRunner:
    """Times are CLOCK_MONOTONIC nanoseconds, always given. The mix path itself is loaded with the first port for it."""

    def __init__(self, datapath: Datapath) -> None:
        self._datapath = datapath
        self._mixer: Mixer | None = None
        self._taps = TapWriter(datapath.tapped, self._tap_failed)
        self._tick_ns: int | None = None
        self._write_ns: int | None = None
        self._events: list[PortEvent] = []
        self._dialled: dict[int, int] = {}
        """Port -> the last row of keys that was sent as tones."""
        self._closed: dict[int, Member] = {}
        """Ports whose last statistics have not been told yet."""
        self.reanchors = 0

    @property
    def due_ns(self) -> int | None:
        """When `run` is to be called next; None where nothing is mixed or recorded."""
        if self._tick_ns is None:
            return self._write_ns
        return self._tick_ns if self._write_ns is None else min(self._tick_ns, self._write_ns)

    def put(self, port_id: int, revision: int, state: PortState, now_ns: int) -> None:
        """Carry out a port's new state. Raises KeyError, BadPortState."""
        mixer = self._mixer
        if mixer is None and state.wants_frames:
            mixer = self._mixer = _make_mixer()
        if mixer is not None:
            try:
                rest = mixer.put(port_id, revision, state)
            except (KeyError, ValueError) as error:
                raise BadPortState(f"port {port_id}: {error} cannot be mixed here") from error
            if rest:
                self._datapath.speak(rest)
            if len(mixer) and self._tick_ns is None:
                self._datapath.arrivals()
                self._tick_ns = now_ns + TICK_NS
        self._datapath.put(port_id, revision, state)
        if state.send_digits is not None and state.send_digits.tones:
            self._dial(port_id, revision, state.send_digits, mixed=state.voice is not None and state.mix is not None)
        if state.tap is not None or len(self._taps):
            self._taps.put(port_id, state.tap, now_ns)
            if self._write_ns is None and len(self._taps):
                self._write_ns = now_ns + _WRITE_NS

    def _dial(self, port_id: int, revision: int, wanted: SentDigits, *, mixed: bool) -> None:
        """Begin keys that are sent as tones; a put with the same id lets them go on.

        What cannot be heard (no room any more, or a hook flash, which has no tone) is over at once: who waits for its
        end must not wait for ever.
        """
        if mixed and self._dialled.get(port_id) == wanted.id:
            return
        self._dialled[port_id] = wanted.id
        if mixed and self._mixer is not None and not set(wanted.digits) & _TONELESS:
            self._mixer.dial(port_id, wanted.id, wanted.digits, duration_ms=wanted.duration_ms, gap_ms=wanted.gap_ms)
            return
        self._events.append(DigitsSent(port_id=port_id, revision=revision, digits_id=wanted.id))

    def play(self, room: int, packed: Sequence[Any]) -> None:
        """What a room hears beside its members: packed RoomSounds. Raises BadPortState."""
        try:
            sounds = [RoomSound.unpack(one) for one in packed]
        except BadMixState as error:
            raise BadPortState(f"room {room}: {error}") from error
        if self._mixer is not None:
            self._mixer.play(room, sounds)

    def closed(self, port_id: int) -> None:
        """A port has been closed; what its jitter buffer counted is kept for `last_counted`."""
        member = self.forget(port_id)
        if member is not None:
            self._closed[port_id] = member

    def forget(self, port_id: int) -> Member | None:
        """A port is gone, and nothing of it will be told here; gives the member that it was."""
        self._taps.closed(port_id)
        self._dialled.pop(port_id, None)
        return None if self._mixer is None else self._mixer.drop(port_id)

    def last_counted(self, closed: PortClosed) -> PortClosed:
        """What a closed port leaves behind, with the counts of its jitter buffer."""
        member = self._closed.pop(closed.port_id, None)
        return closed if member is None else replace(closed, stats=_counted(member, closed.stats))

    def counted(self, port_id: int, stats: PortStats) -> PortStats:
        """A port's statistics with those of its jitter buffer."""
        member = None if self._mixer is None else self._mixer.member(port_id)
        return stats if member is None else _counted(member, stats)

    def run(self, now_ns: int) -> None:
        """Do what is due."""
        if self._tick_ns is not None and self._tick_ns <= now_ns:
            self._tick(self._tick_ns, now_ns)
        if self._write_ns is not None and self._write_ns <= now_ns:
            self._taps.write()
            self._write_ns = now_ns + _WRITE_NS if len(self._taps) else None

    def _tick(self, due_ns: int, now_ns: int) -> None:
        mixer = self._mixer
        assert mixer is not None
        if not len(mixer):
            self._tick_ns = None
            return
        arrivals = self._datapath.arrivals()
        for _ in range(CATCH_UP):
            # First, so that a tick that fails is not tried again and again.
            self._tick_ns = due_ns + TICK_NS
            self._datapath.speak(mixer.tick(due_ns, arrivals))
            arrivals = []
            due_ns += TICK_NS
            if due_ns > now_ns:
                break
        else:
            self.reanchors += 1
            due_ns = now_ns + TICK_NS
        self._tick_ns = due_ns

    def events(self) -> list[PortEvent]:
        """Take what there is to tell."""
        taken, self._events = self._events, []
        if self._mixer is not None:
            taken += self._mixer.events()
        return taken

    def close(self) -> None:
        """End the recordings' files."""
        self._taps.close()

    def _tap_failed(self, port_id: int, why: str) -> None:
        self._events.append(TapFailed(port_id=port_id, revision=0, why=why))


def _counted(member: Member, stats: PortStats) -> PortStats:
    counts = member.playout.counts
    return replace(
        stats,
        late=counts.late,
        concealed_ms=counts.concealed_ms,
        buffer_ms=round(member.playout.delay_ms),
        faults=counts.faults,
    )


def _make_mixer() -> Mixer:
    # numpy and the codecs cost 20 MB and a tenth of a second: a worker that only relays does without them.
    from media.mix.mixer import Mixer

    return Mixer()

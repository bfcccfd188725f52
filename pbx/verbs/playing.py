"""Playing: a sound into one leg's ear, to its end, to a key, or to a time; paused, resumed, moved in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from media.event import PlayerFinished
from pbx.inbox import MediaSignal

if TYPE_CHECKING:
    from media.port_state import Player
    from pbx.leg import Leg
    from pbx.session import Arrival, Session

_G711: Final = (0, 8)
"""Payload types whose loudness can be changed in the port."""


class Played(Enum):
    """Why a sound ended."""

    FINISHED = "finished"
    KEY = "key"
    """A key was pressed; it waits for the verb that collects."""
    LIMIT = "limit"
    STOPPED = "stopped"
    UNHEARD = "unheard"
    """There is no such sound in a codec of the leg's, or it could not be played."""


class Playback:
    """A player under way in a leg. `next_id` numbers players: one that begins elsewhere is a new one."""

    def __init__(self, session: Session, leg: Leg, player: Player, next_id: Callable[[], int]) -> None:
        self._session = session
        self._leg = leg
        self._player = player
        self._next_id = next_id
        self._from_ms = player.start_ms
        self._since: float | None = None

    @property
    def position_ms(self) -> int:
        """How far it has come, counted by our own clock from where it was last put."""
        if self._since is None:
            return self._from_ms
        return self._from_ms + round(1000 * (self._session.node.clock.now() - self._since))

    @property
    def paused(self) -> bool:
        return self._since is None

    def start(self) -> None:
        """Let it be heard."""
        self._since = self._session.node.clock.now()
        self._leg.player = self._player
        self._session.connect(self._leg)

    def pause(self) -> None:
        """Silence, until it is resumed where it was."""
        if self._since is not None:
            self._from_ms = self.position_ms
            self._since = None
            self._silence()

    def resume(self) -> None:
        """Go on where it was paused."""
        if self._since is None:
            self.seek(self._from_ms)

    def seek(self, to_ms: int) -> None:
        """Go on at another place of the first round."""
        self._from_ms = max(0, to_ms)
        self._player = replace(self._player, id=self._next_id(), start_ms=self._from_ms)
        self.start()

    def stop(self) -> None:
        """End it; a leg that has gone needs nothing."""
        self._since = None
        self._silence()

    def outcome(self, signal: Arrival) -> Played | None:
        """What a signal says of the sound: that it is over, or None."""
        event = signal.event if isinstance(signal, MediaSignal) else None
        if not isinstance(event, PlayerFinished) or event.player_id != self._player.id:
            return None
        self._since = None
        self._leg.player = None
        return Played.FINISHED if event.error is None else Played.UNHEARD

    def _silence(self) -> None:
        leg = self._leg
        if not leg.down and leg.player is self._player:
            leg.player = None
            self._session.connect(leg)


async def to_the_end(
    session: Session, leg: Leg, playback: Playback, *, barge_in: bool = False, deadline: float | None = None
) -> Played:
    """Play until it is over. `barge_in`: a key ends it, one that was pressed before too. Raises LegGone."""
    if barge_in and keys_wait(leg):
        return Played.KEY
    playback.start()
    while True:
        signal = await session.next(deadline)
        session.need(leg)
        outcome = Played.LIMIT if signal is None else playback.outcome(signal)
        if outcome is None and barge_in and keys_wait(leg):
            outcome = Played.KEY
        if outcome in (Played.LIMIT, Played.KEY):
            playback.stop()
        if outcome is not None:
            return outcome


def keys_wait(leg: Leg) -> bool:
    """Whether keys of a leg wait for the verb that collects."""
    return leg.digits is not None and bool(leg.digits.pressed)


def louder(player: Player, gain_db: float) -> Player:
    """The player with another loudness, which only G.711 can have; as it is in other codecs."""
    return replace(player, gain_db=gain_db) if gain_db and player.payload_type in _G711 else player

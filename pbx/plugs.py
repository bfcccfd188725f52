"""Plugs: the sockets that rooms above fit into, so that no import points upward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from media.client import Port
    from media.event import PortStats
    from media.mix_state import RoomSound
    from media.offer_answer import Agreement
    from media.port_state import Player, PortState
    from media.ready_file import ReadyFile
    from pbx.speech.voice import Voice
    from sip.events import ResolveNeeded
    from sip.flow import Flow


class MediaEngine(Protocol):
    """What calls need of the media engine (`media.client.MediaClient`)."""

    def allocate(self, *, address: str | None = None, near: int | None = None) -> Port: ...
    def put(self, port_id: int, state: PortState) -> int: ...
    def play_in_room(self, room: int, sounds: Sequence[RoomSound]) -> None: ...
    def release(self, port_id: int) -> None: ...
    async def look(self, port_ids: Sequence[int], timeout_s: float) -> dict[int, PortStats]: ...


class Transport(Protocol):
    """What the node needs of its SIP sockets."""

    @property
    def backlog_bytes(self) -> int: ...
    def send(self, flow: Flow, data: bytes) -> None: ...
    def vouch(self, flow: Flow) -> None:
        """The peer of a connection is known; it may be idle."""
        ...

    def resolve(self, event: ResolveNeeded, then: Callable[[Flow | None, float], None]) -> None:
        """Find the flow to a next hop and call `then` with it and its time to live, at once or later."""
        ...


class TextSpeaker(Protocol):
    """Speaks texts of calls (`pbx.records.studio_client.StudioClient`)."""

    async def speak(
        self, texts: Sequence[str], language: str, codecs: Sequence[str], voice: Voice | None = None
    ) -> list[dict[str, ReadyFile]]:
        """Each text as a file by codec, within about two seconds. Raises SpeechError."""
        ...


class SoundSource(Protocol):
    """Ready sounds by name (`pbx.sounds.Sounds`)."""

    @property
    def codecs(self) -> tuple[str, ...]: ...
    def player(
        self,
        name: str,
        language: str | Sequence[str],
        country: str,
        agreement: Agreement | None,
        plays: int | None,
        tenant: str | None = None,
    ) -> Player | None: ...
    def sequence(
        self,
        names: Sequence[str],
        language: str | Sequence[str],
        country: str,
        agreement: Agreement | None,
        plays: int | None = 1,
        tenant: str | None = None,
    ) -> Player | None:
        """Sounds that follow one another without a gap."""
        ...

    def spoken(
        self, texts: Sequence[Mapping[str, ReadyFile]], agreement: Agreement | None, plays: int | None = 1
    ) -> Player | None:
        """Texts that `StudioClient.speak` gave, one behind the other."""
        ...

    def music(self, agreement: Agreement | None, name: str = "hold") -> Player | None: ...
    def room_sound(self, name: str, rate_hz: int, number: int) -> RoomSound | None: ...
    def next_id(self) -> int:
        """A number that no player has."""
        ...

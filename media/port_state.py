"""Port state: the whole desired state of one media port, as plain data that crosses process borders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Latch: TypeAlias = Literal["auto", "strict", "off"]
Address: TypeAlias = tuple[str, int]

_LATCHES: dict[str, Latch] = {"auto": "auto", "strict": "strict", "off": "off"}


class BadPortState(ValueError):
    """A packed state that is not one; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A ready payload file played into a port: raw encoded frames, `frame_bytes` each, no header.

    `id` tells players apart: a put with the same id lets the player go on, another id starts anew.
    `plays` counts whole rounds of the file; None loops for ever.
    """

    id: int
    path: str
    payload_type: int
    frame_bytes: int = 160
    samples_per_frame: int = 160
    ptime_ms: int = 20
    plays: int | None = 1

    def pack(self) -> list[Any]:
        """Give the player as a flat list that msgpack can carry."""
        return [
            self.id,
            self.path,
            self.payload_type,
            self.frame_bytes,
            self.samples_per_frame,
            self.ptime_ms,
            self.plays,
        ]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "Player":
        """Read what `pack` gave. Raises BadPortState."""
        try:
            ident, path, payload_type, frame_bytes, samples, ptime_ms, plays = packed
        except (TypeError, ValueError) as error:
            raise BadPortState(f"player: {error}; give the seven fields of Player.pack()") from error
        return cls(
            id=ident,
            path=path,
            payload_type=payload_type,
            frame_bytes=frame_bytes,
            samples_per_frame=samples,
            ptime_ms=ptime_ms,
            plays=plays,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PortState:
    """Everything a port shall do from now on; a put replaces the whole of it.

    `remote_rtp`, `remote_rtcp`: addresses signalled by the far end (numeric host, port); None sends nothing
    until a source has been latched (a None `remote_rtcp` means the RTP port plus one, RFC 3550 §11).
    `send`, `receive`: the directions the offer/answer exchange left open (hold closes them).
    `accept`: payload types that the far end may send; empty accepts any.
    `relay_to`: id of the peer port that gets what arrives here; the own id echoes; None is no relay.
    `payload_map`: (received type, type sent by the peer port); when not empty, a type not listed is dropped.
    `player`: plays into the far end's ear instead of what the peer port relays.
    `latch`: `auto` learns the far end's real address, `strict` takes the signalled one only, `off` takes any
    source and always sends to the signalled address.
    """

    remote_rtp: Address | None = None
    remote_rtcp: Address | None = None
    send: bool = True
    receive: bool = True
    accept: tuple[int, ...] = ()
    clock_rate: int = 8000
    relay_to: int | None = None
    payload_map: tuple[tuple[int, int], ...] = ()
    player: Player | None = None
    latch: Latch = "auto"
    cname: str = ""

    def pack(self) -> list[Any]:
        """Give the state as a flat list that msgpack can carry."""
        return [
            self.remote_rtp,
            self.remote_rtcp,
            self.send,
            self.receive,
            self.accept,
            self.clock_rate,
            self.relay_to,
            self.payload_map,
            None if self.player is None else self.player.pack(),
            self.latch,
            self.cname,
        ]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "PortState":
        """Read what `pack` gave. Raises BadPortState."""
        try:
            rtp, rtcp, send, receive, accept, clock_rate, relay_to, payload_map, player, latch, cname = packed
            return cls(
                remote_rtp=None if rtp is None else (rtp[0], rtp[1]),
                remote_rtcp=None if rtcp is None else (rtcp[0], rtcp[1]),
                send=send,
                receive=receive,
                accept=tuple(accept),
                clock_rate=clock_rate,
                relay_to=relay_to,
                payload_map=tuple((pair[0], pair[1]) for pair in payload_map),
                player=None if player is None else Player.unpack(player),
                latch=_LATCHES[latch],
                cname=cname,
            )
        except BadPortState:
            raise
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise BadPortState(f"port state: {error!r}; give the fields of PortState.pack()") from error

"""Port state: the whole desired state of one media port, as plain data that crosses process borders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from media.digits import MORE_ENDS, MOST_DIGITS, STEP_MS, is_dialable
from media.mix_state import BadMixState, Mix, Tap, Voice, unpack_detectors

Latch: TypeAlias = Literal["auto", "strict", "off"]
Digits: TypeAlias = Literal["pass", "copy", "withhold"]
Address: TypeAlias = tuple[str, int]

_DIGITS: dict[str, Digits] = {"pass": "pass", "copy": "copy", "withhold": "withhold"}
_LATCHES: dict[str, Latch] = {"auto": "auto", "strict": "strict", "off": "off"}


class BadPortState(ValueError):
    """A packed state that is not one; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Ready payload files played into a port: raw encoded frames, `frame_bytes` each, no header.

    `frame_bytes` 0: framed, each frame behind its length (two octets, low one first; length 0 is a pause).
    `id` tells players apart: a put with the same id lets the player go on, another id starts anew.
    `plays` counts whole rounds of `path` and `more`, one after the other without a gap; None loops for ever.
    `start_ms`: where the first round begins. `shared`: it begins where everybody else hears it now (music on hold).
    `gain_db`: louder or softer, of G.711 only.
    """

    id: int
    path: str
    payload_type: int
    frame_bytes: int = 160
    samples_per_frame: int = 160
    ptime_ms: int = 20
    plays: int | None = 1
    more: tuple[str, ...] = ()
    start_ms: int = 0
    shared: bool = False
    gain_db: float = 0.0

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
            self.more,
            self.start_ms,
            self.shared,
            self.gain_db,
        ]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "Player":
        """Read what `pack` gave. Raises BadPortState."""
        try:
            ident, path, payload_type, frame_bytes, samples, ptime_ms, plays, more, start_ms, shared, gain_db = packed
        except (TypeError, ValueError) as error:
            raise BadPortState(f"player: {error}; give the fields of Player.pack()") from error
        return cls(
            id=ident,
            path=path,
            payload_type=payload_type,
            frame_bytes=frame_bytes,
            samples_per_frame=samples,
            ptime_ms=ptime_ms,
            plays=plays,
            more=tuple(more),
            start_ms=start_ms,
            shared=shared,
            gain_db=gain_db,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDigits:
    """Keys sent to the far end as telephone events (RFC 4733), in the port's one outgoing stream.

    `id` tells rows of digits apart: a put with the same id lets them go on, another id starts anew, None cuts
    them short. `digits` are 1..128 of `0`-`9`, `*`, `#`, `A`-`D`, `!` (hook flash), each of `duration_ms` (40..8000)
    and followed by `gap_ms` (40..8000), in whole packets of 20 ms; `clock_rate` is the event format's, which is that
    of the audio. `tones`: as sound in what a member of a room hears, for a far end that takes no events; the payload
    type does not matter then. Raises BadPortState.
    """

    id: int
    digits: str
    payload_type: int
    clock_rate: int = 8000
    duration_ms: int = 100
    gap_ms: int = 100
    tones: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.digits) <= MOST_DIGITS or not is_dialable(self.digits):
            raise BadPortState(f"digits {self.id}: give 1..{MOST_DIGITS} of 0-9 * # A-D !")
        if not 40 <= self.duration_ms <= 8000 or not 40 <= self.gap_ms <= 8000:
            raise BadPortState(f"digits {self.id}: duration {self.duration_ms} ms, gap {self.gap_ms} ms; give 40..8000")
        if not 1 <= self.id < 1 << 62 or not 0 <= self.payload_type <= 127 or not 1000 <= self.clock_rate <= 384000:
            raise BadPortState(
                f"digits {self.id}: payload type {self.payload_type}, clock rate {self.clock_rate} Hz, "
                "or the id is out of range"
            )

    @property
    def steps(self) -> int:
        """Packets of one digit, up to and with the first that carries its end."""
        return -(-self.duration_ms // STEP_MS)

    @property
    def period(self) -> int:
        """Packet times from the beginning of one digit to that of the next."""
        return self.steps + max(MORE_ENDS, -(-self.gap_ms // STEP_MS))

    def pack(self) -> list[Any]:
        """Give the digits as a flat list that msgpack can carry."""
        return [
            self.id, self.digits, self.payload_type, self.clock_rate, self.duration_ms, self.gap_ms, self.tones,
        ]  # fmt: skip

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "SentDigits":
        """Read what `pack` gave. Raises BadPortState."""
        try:
            ident, digits, payload_type, clock_rate, duration_ms, gap_ms, tones = packed
            return cls(
                id=ident,
                digits=digits,
                payload_type=payload_type,
                clock_rate=clock_rate,
                duration_ms=duration_ms,
                gap_ms=gap_ms,
                tones=tones,
            )
        except BadPortState:
            raise
        except (TypeError, ValueError) as error:
            raise BadPortState(f"digits: {error}; give the fields of SentDigits.pack()") from error


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
    `silence_ms`: a port that receives and hears no valid RTP for so long says PortSilent; None does not watch.
    `event_types`: (payload type above 34, clock rate) of telephone events in what the far end sends, four at most.
    `digits`: what becomes of the far end's events: `pass` relays them unread, `copy` relays and reports each key,
    `withhold` reports it and relays nothing.
    `send_digits`: sent to the far end now; what is relayed to it or played waits meanwhile.
    `voice`: how the mix path understands and speaks to the far end; needed for `mix`, its place in a room, and for
    `detect`, what is listened for in its sound (names of `media.mix_state.DETECTORS`). `tap`: a recording.
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
    silence_ms: int | None = None
    event_types: tuple[tuple[int, int], ...] = ()
    digits: Digits = "pass"
    send_digits: SentDigits | None = None
    voice: Voice | None = None
    mix: Mix | None = None
    detect: tuple[str, ...] = ()
    tap: Tap | None = None

    @property
    def events(self) -> SentDigits | None:
        """The digits that go out as telephone events."""
        return self.send_digits if self.send_digits is not None and not self.send_digits.tones else None

    @property
    def wants_frames(self) -> bool:
        """Whether what the far end says is needed by the mix path."""
        return self.voice is not None and (self.mix is not None or bool(self.detect))

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
            self.silence_ms,
            self.event_types,
            self.digits,
            None if self.send_digits is None else self.send_digits.pack(),
            None if self.voice is None else self.voice.pack(),
            None if self.mix is None else self.mix.pack(),
            self.detect,
            None if self.tap is None else self.tap.pack(),
        ]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "PortState":
        """Read what `pack` gave. Raises BadPortState."""
        try:
            (
                rtp, rtcp, send, receive, accept, clock_rate, relay_to, payload_map, player, latch, cname,
                silence_ms, event_types, digits, send_digits, voice, mix, detect, tap,
            ) = packed  # fmt: skip
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
                silence_ms=silence_ms,
                event_types=tuple((pair[0], pair[1]) for pair in event_types),
                digits=_DIGITS[digits],
                send_digits=None if send_digits is None else SentDigits.unpack(send_digits),
                voice=None if voice is None else Voice.unpack(voice),
                mix=None if mix is None else Mix.unpack(mix),
                detect=unpack_detectors(detect),
                tap=None if tap is None else Tap.unpack(tap),
            )
        except BadPortState:
            raise
        except BadMixState as error:
            raise BadPortState(str(error)) from error
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise BadPortState(f"port state: {error!r}; give the fields of PortState.pack()") from error

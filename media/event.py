"""Media events: what ports tell the owner of their calls, and the statistics a closed port leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


class BadMediaEvent(ValueError):
    """A packed event that is not one; the message names what was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortStats:
    """Counts of one port over its whole life (RFC 3550 §6.4, A.3, A.8).

    `lost` is cumulative (expected - received, may be negative with duplicates); `fraction_lost` is
    lost / expected over the whole life, 0..1; `jitter` is in timestamp units of `clock_rate`; `far_*` is
    what the far end last reported about our stream. `late` (packets), `concealed_ms`, `buffer_ms` (delay of the
    jitter buffer now) and `faults` (errors of ours with its sound) are of the mix path. Times are
    CLOCK_MONOTONIC seconds, None when no packet
    came or went; `received_ago_ms` and `sent_ago_ms` count from the last packet to the moment of these counts.
    """

    clock_rate: int = 8000
    packets_received: int = 0
    octets_received: int = 0
    packets_sent: int = 0
    octets_sent: int = 0
    expected: int = 0
    lost: int = 0
    fraction_lost: float = 0.0
    jitter: float = 0.0
    rtt_ms: float | None = None
    far_lost: int | None = None
    far_fraction_lost: float | None = None
    far_jitter: int | None = None
    dropped_foreign: int = 0
    dropped_malformed: int = 0
    dropped_payload_type: int = 0
    dropped_send: int = 0
    dropped_digits: int = 0
    rtcp_received: int = 0
    rtcp_sent: int = 0
    latched_host: str | None = None
    latched_port: int | None = None
    ssrc_in: int | None = None
    ssrc_out: int | None = None
    first_received_s: float | None = None
    last_received_s: float | None = None
    first_sent_s: float | None = None
    last_sent_s: float | None = None
    received_ago_ms: int | None = None
    sent_ago_ms: int | None = None
    late: int = 0
    concealed_ms: int = 0
    buffer_ms: int | None = None
    faults: int = 0

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return self.jitter * 1000.0 / self.clock_rate

    @property
    def latched_to(self) -> tuple[str, int] | None:
        """The far end's learnt RTP address, None when nothing was latched."""
        if self.latched_host is None or self.latched_port is None:
            return None
        return self.latched_host, self.latched_port


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLatched:
    """A port learnt where its far end really sends from (once per latch or re-latch)."""

    port_id: int
    revision: int
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerFinished:
    """A player has sent its last frame (never said of one that loops or was replaced).

    `error` says why nothing could be played (file missing, empty), None when all was played.
    """

    port_id: int
    revision: int
    player_id: int
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSilent:
    """A port heard no valid RTP for the `silence_ms` of its state; told once, until sound comes back."""

    port_id: int
    revision: int
    silent_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortHeard:
    """Sound came back to a port that had said PortSilent."""

    port_id: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitReceived:
    """The far end pressed a key (`0`-`9`, `*`, `#`, `A`-`D`, `!` for hook flash); once a key, at its end."""

    port_id: int
    revision: int
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsSent:
    """All digits of a `SentDigits` have gone out (never said of one that was replaced).

    It may be said twice when a worker dies just then.
    """

    port_id: int
    revision: int
    digits_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Talking:
    """A member of a conference began or ceased to talk."""

    port_id: int
    revision: int
    talking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneHeard:
    """A detector heard something in the far end's sound: `cng`, `ced`, `beep`, `voice` or `silence`.

    `after_ms`: how long it had lasted when it was told.
    """

    port_id: int
    revision: int
    tone: str
    after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TapFailed:
    """A port's tap could not be written (disk full, no such folder): nothing more is recorded of it."""

    port_id: int
    revision: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSoundFailed:
    """A sound for a room could not be played; it is no port's event, so `port_id` is 0."""

    port_id: int
    revision: int
    room: int
    sound_id: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortClosed:
    """A released port is gone; `lost_worker`: its worker died, the counts began anew with the restart."""

    port_id: int
    revision: int
    stats: PortStats
    lost_worker: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost:
    """A worker process ended unasked; its ports are put again when it is back."""

    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady:
    """A worker process is up, and all its ports have been put."""

    worker: int


PortEvent: TypeAlias = (
    PortLatched
    | PlayerFinished
    | PortSilent
    | PortHeard
    | DigitReceived
    | DigitsSent
    | Talking
    | ToneHeard
    | TapFailed
    | RoomSoundFailed
    | PortClosed
)
MediaEvent: TypeAlias = PortEvent | WorkerLost | WorkerReady

_STATS_FIELDS: tuple[str, ...] = tuple(PortStats.__dataclass_fields__)


def pack_stats(stats: PortStats) -> list[Any]:
    """Give the statistics as a flat list in the order of the fields."""
    return [getattr(stats, name) for name in _STATS_FIELDS]


def unpack_stats(packed: Sequence[Any]) -> PortStats:
    """Read what `pack_stats` gave. Raises BadMediaEvent."""
    if len(packed) != len(_STATS_FIELDS):
        raise BadMediaEvent(f"port statistics: {len(packed)} fields, expected {len(_STATS_FIELDS)}")
    return PortStats(**dict(zip(_STATS_FIELDS, packed, strict=True)))


_KINDS: dict[str, type[PortEvent]] = {
    "latched": PortLatched,
    "finished": PlayerFinished,
    "silent": PortSilent,
    "heard": PortHeard,
    "digit": DigitReceived,
    "sent": DigitsSent,
    "talking": Talking,
    "tone": ToneHeard,
    "tap": TapFailed,
    "room": RoomSoundFailed,
    "closed": PortClosed,
}
_NAMES: dict[type[PortEvent], str] = {kind: name for name, kind in _KINDS.items()}
_FIELDS: dict[str, tuple[str, ...]] = {name: tuple(kind.__dataclass_fields__) for name, kind in _KINDS.items()}


def pack_event(event: PortEvent) -> list[Any]:
    """Give an event that a worker sends as a flat list that msgpack can carry."""
    name = _NAMES[type(event)]
    packed = [name, *[getattr(event, field) for field in _FIELDS[name]]]
    if isinstance(event, PortClosed):
        packed[3] = pack_stats(event.stats)
    return packed


def unpack_event(packed: Sequence[Any]) -> PortEvent:
    """Read what `pack_event` gave. Raises BadMediaEvent."""
    try:
        name, *values = packed
        fields = dict(zip(_FIELDS[name], values, strict=True))
        if name == "closed":
            fields["stats"] = unpack_stats(fields["stats"])
        return _KINDS[name](**fields)
    except BadMediaEvent:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise BadMediaEvent(f"media event: {error!r} in {packed!r}") from error

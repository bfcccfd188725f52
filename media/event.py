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
    what the far end last reported about our stream. Times are CLOCK_MONOTONIC seconds, None when no packet
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


MediaEvent: TypeAlias = PortLatched | PlayerFinished | PortClosed | WorkerLost | WorkerReady

_STATS_FIELDS: tuple[str, ...] = tuple(PortStats.__dataclass_fields__)


def pack_stats(stats: PortStats) -> list[Any]:
    """Give the statistics as a flat list in the order of the fields."""
    return [getattr(stats, name) for name in _STATS_FIELDS]


def unpack_stats(packed: Sequence[Any]) -> PortStats:
    """Read what `pack_stats` gave. Raises BadMediaEvent."""
    if len(packed) != len(_STATS_FIELDS):
        raise BadMediaEvent(f"port statistics: {len(packed)} fields, expected {len(_STATS_FIELDS)}")
    return PortStats(**dict(zip(_STATS_FIELDS, packed, strict=True)))


def _pack_latched(event: PortLatched) -> list[Any]:
    return ["latched", event.port_id, event.revision, event.host, event.port]


def _pack_finished(event: PlayerFinished) -> list[Any]:
    return ["finished", event.port_id, event.revision, event.player_id, event.error]


def _pack_closed(event: PortClosed) -> list[Any]:
    return ["closed", event.port_id, event.revision, pack_stats(event.stats), event.lost_worker]


def pack_event(event: PortLatched | PlayerFinished | PortClosed) -> list[Any]:
    """Give an event that a worker sends as a flat list that msgpack can carry."""
    if isinstance(event, PortLatched):
        return _pack_latched(event)
    if isinstance(event, PlayerFinished):
        return _pack_finished(event)
    return _pack_closed(event)


_UNPACK: dict[str, Any] = {
    "latched": lambda p, r, host, port: PortLatched(port_id=p, revision=r, host=host, port=port),
    "finished": lambda p, r, player, error: PlayerFinished(port_id=p, revision=r, player_id=player, error=error),
    "closed": lambda p, r, stats, lost: PortClosed(port_id=p, revision=r, stats=unpack_stats(stats), lost_worker=lost),
}


def unpack_event(packed: Sequence[Any]) -> PortLatched | PlayerFinished | PortClosed:
    """Read what `pack_event` gave. Raises BadMediaEvent."""
    try:
        event: PortLatched | PlayerFinished | PortClosed = _UNPACK[packed[0]](*packed[1:])
    except BadMediaEvent:
        raise
    except (KeyError, TypeError, IndexError) as error:
        raise BadMediaEvent(f"media event: {error!r} in {packed!r}") from error
    return event

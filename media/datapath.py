"""The data path of one worker: the contract, and the choice between the compiled one and its Python twin."""

from collections.abc import Callable
from typing import Protocol

from media.datapath_twin import TwinDatapath
from media.event import PortEvent, PortStats
from media.frame_rows import Arrival, Spoken
from media.port_state import PortState


class Datapath(Protocol):
    """Moves the packets of all ports of one worker; every method but the thread's own is for one caller.

    Constructor arguments: `memory` (writable buffer, SLOT_BYTES a slot), `seed` (for SSRCs and report times),
    `relay_window_us` (0 switches gathering off), `silence_s` (before another source may be latched),
    `rtcp_interval_s`, `gather_from_calls` (no gathering below as many talking calls).
    """

    @property
    def event_fd(self) -> int:
        """A descriptor that is readable while events wait."""

    def start(self) -> None:
        """Start the relay thread."""

    def stop(self) -> None:
        """Close every port, end the relay thread; `events` may be taken once more."""

    def open(self, port_id: int, rtp_fd: int, rtcp_fd: int, slot: int) -> None:
        """Take over two bound non-blocking UDP sockets. A slot that already belongs to `port_id` goes on."""

    def put(self, port_id: int, revision: int, state: PortState) -> None:
        """Replace the port's state; an old revision changes nothing. Raises KeyError, BadPortState."""

    def close(self, port_id: int) -> None:
        """Send BYE, close the sockets, leave a PortClosed event. Raises KeyError."""

    def forget(self, port_id: int) -> None:
        """Close the sockets and say nothing: another worker goes on with the port. Raises KeyError."""

    def stats(self, port_id: int) -> PortStats:
        """Statistics of an open port as of now. Raises KeyError."""

    def events(self) -> list[PortEvent]:
        """Take the events that wait."""

    def arrivals(self) -> list[Arrival]:
        """Take what came for the mix path, in order.

        Rows are (port id, arrival in ns, SSRC, sequence, timestamp, payload type, marker, payload).
        """

    def speak(self, frames: list[Spoken]) -> None:
        """Send frames of the mix path within their ports' outgoing streams.

        Rows are (port id, payload, timestamp units, payload type); an empty payload only lets the time pass. A port
        that is gone, or has a player or keys for the far end just now, stays silent.
        """

    def tapped(self, port_id: int) -> tuple[bytes, int]:
        """Take what a port's tap holds: (records of `media.tap`, records lost since). Raises KeyError.

        What a closed port left is given once.
        """

    def counters(self) -> dict[str, int]:
        """Totals: wakes, datagrams, reanchors, events_lost, arrivals_lost, ports, active_ports, players."""


def _load() -> tuple[Callable[..., Datapath], bool]:
    try:
        from media._datapath import CompiledDatapath
    except ImportError:
        return TwinDatapath, False
    return CompiledDatapath, True


open_datapath, COMPILED = _load()

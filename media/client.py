"""Media client: control's face of the media engine: ports allocated, states put, workers kept alive."""

import asyncio
import mmap
import os
import resource
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media.allocator import PortAllocator
from media.event import MediaEvent, PortClosed, PortEvent, PortStats, WorkerLost, WorkerReady
from media.launcher import Launcher
from media.mix_state import RoomSound
from media.port_state import PortState
from media.room_places import RoomPlaces
from media.worker_link import WorkerLink
from media.worker_protocol import SLOT_BYTES

_RESERVED_FDS = 512
_FDS_PER_PORT = 2
_RESTART_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_LIVED_WELL_S = 10.0


class WorkerFailed(RuntimeError):
    """A media worker ended while it was being started; its own words are on standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An allocated media port: its id (never used again), its worker, and what to write into SDP."""

    id: int
    worker: int
    address: str
    rtp_port: int
    rtcp_port: int


@dataclass(slots=True, kw_only=True)
class _Held:
    port: Port
    rtp: socket.socket
    rtcp: socket.socket
    slot: int
    link: WorkerLink
    revision: int = 0
    state: PortState | None = None


@dataclass(slots=True)
class _Restarts:
    launched_at: float = 0.0
    failures: int = 0


class MediaClient:
    """Allocates ports, keeps their desired states, and restarts workers with the same sockets.

    `on_event` is called on the loop with every MediaEvent; exactly one PortClosed follows each release.
    """

    def __init__(
        self,
        *,
        allocator: PortAllocator,
        workers: int,
        launcher: Launcher,
        on_event: Callable[[MediaEvent], None],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._allocator = allocator
        self._launcher = launcher
        self._on_event = on_event
        self._loop = loop
        self._wanted_workers = workers
        self._links: list[WorkerLink] = []
        self._restarts: dict[int, _Restarts] = {}
        self._held: dict[int, _Held] = {}
        self._closing: dict[int, tuple[int, WorkerLink, int]] = {}
        self._rooms: RoomPlaces[WorkerLink] = RoomPlaces()
        self._free_slots: list[int] = []
        self._next_slot = 0
        self._next_id = 1
        self._memory_fd = -1
        self._stopping = False

    async def start(self) -> None:
        """Raise the file limit, start every worker, and wait until each answers.

        Raises OSError and WorkerFailed.
        """
        self._loop = self._loop or asyncio.get_running_loop()
        raise_file_limit()
        self._memory_fd = os.memfd_create("cordboard-media", os.MFD_CLOEXEC)
        os.ftruncate(self._memory_fd, max(mmap.PAGESIZE, 2 * self._allocator.pairs * SLOT_BYTES))
        for number in range(self._wanted_workers):
            link = WorkerLink(
                number=number,
                launcher=self._launcher,
                memory_fd=self._memory_fd,
                loop=self._loop,
                on_event=self._port_event,
                on_lost=self._lost,
            )
            self._links.append(link)
            self._restarts[number] = _Restarts()
            self._launch(link)
        for link in self._links:
            await link.confirmed()
            if not link.up:
                await self.stop()
                raise WorkerFailed(f"media worker {link.number} ended at once; see its message above")
            self._on_event(WorkerReady(worker=link.number))

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Release every port and end the workers; every PortClosed has been told when this returns."""
        self._stopping = True
        for port_id in list(self._held):
            self.release(port_id)
        await asyncio.gather(*(link.stop(timeout_s) for link in self._links))
        for port_id in list(self._closing):
            self._closed_unseen(port_id)
        self._links = []
        if self._memory_fd >= 0:
            os.close(self._memory_fd)
            self._memory_fd = -1

    def capacity(self) -> int:
        """Two-leg calls that the port range and the file limit allow (two pairs, four UDP ports each)."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        by_files = (soft - _RESERVED_FDS) // (2 * _FDS_PER_PORT)
        return max(0, min(self._allocator.pairs // 2, by_files))

    def worker_pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [link.pid for link in self._links if link.pid is not None]

    def allocate(self, *, address: str | None = None, near: int | None = None) -> Port:
        """Take a port on a local `address` (None: the first), in the worker of port `near`.

        Raises NoPortsLeft.
        """
        pair = self._allocator.take(address)
        neighbour = None if near is None else self._held.get(near)
        link = neighbour.link if neighbour else min(self._links, key=_load_of)
        port = Port(
            id=self._next_id,
            worker=link.number,
            address=pair.address,
            rtp_port=pair.rtp_port,
            rtcp_port=pair.rtp_port + 1,
        )
        self._next_id += 1
        held = _Held(port=port, rtp=pair.rtp, rtcp=pair.rtcp, slot=self._take_slot(), link=link)
        self._held[port.id] = held
        link.ports += 1
        if link.up:
            link.open(port.id, held.slot, pair.rtp.fileno(), pair.rtcp.fileno())
        return port

    def put(self, port_id: int, state: PortState) -> int:
        """Make `state` the port's desired state and give its revision. Raises KeyError (unknown port)."""
        held = self._held[port_id]
        held.revision += 1
        held.state = state
        if state.relay_to is not None:
            peer = self._held.get(state.relay_to)
            if peer is not None and peer.link is not held.link:
                self._move(held, peer.link)
        if state.mix is not None or self._rooms:
            link = self._rooms.enter(port_id, None if state.mix is None else state.mix.room, held.link)
            if link is not held.link:
                self._move(held, link)
        if held.link.up:
            held.link.put(port_id, held.revision, state.pack())
        return held.revision

    def play_in_room(self, room: int, sounds: Sequence[RoomSound]) -> None:
        """What everybody in a room hears beside its members, whole: one that is left out ends, one that plays goes on.

        A room without members hears nothing. A worker that dies forgets them.
        """
        link = self._rooms.of(room)
        if link is not None and link.up:
            link.sound(room, [sound.pack() for sound in sounds])

    async def confirmed(self, port_id: int, revision: int) -> None:
        """Wait until the worker carried out that revision; at once when the port or the worker is gone."""
        held = self._held.get(port_id)
        if held is not None and held.revision >= revision:
            await held.link.confirmed()

    async def look(self, port_ids: Sequence[int], timeout_s: float) -> dict[int, PortStats]:
        """Live statistics of ports, by id; those that are gone are left out.

        A worker that does not answer within `timeout_s` gives no rows. Each worker is asked once.
        """
        asked: dict[WorkerLink, list[int]] = {}
        for port_id in port_ids:
            held = self._held.get(port_id)
            if held is not None:
                asked.setdefault(held.link, []).append(port_id)
        rows: dict[int, PortStats] = {}
        for part in await asyncio.gather(*(link.look(ids, timeout_s) for link, ids in asked.items())):
            rows |= part
        return rows

    def release(self, port_id: int) -> None:
        """End a port; its number rests. Unknown ids are ignored."""
        held = self._held.pop(port_id, None)
        if held is None:
            return
        if self._rooms:
            self._rooms.leave(port_id)
        held.link.ports -= 1
        self._closing[port_id] = (held.revision, held.link, held.slot)
        if held.link.up:
            held.link.close(port_id)
            # An open that was not sent yet still needs the sockets.
            held.link.flush_opens()
        elif self._loop is not None:
            self._loop.call_soon(self._closed_unseen, port_id)
        held.rtp.close()
        held.rtcp.close()
        self._allocator.give_back(held.port.address, held.port.rtp_port)

    def _take_slot(self) -> int:
        if self._free_slots:
            return self._free_slots.pop()
        self._next_slot += 1
        return self._next_slot - 1

    def _launch(self, link: WorkerLink) -> None:
        if self._loop is not None:
            self._restarts[link.number].launched_at = self._loop.time()
        link.launch()

    def _relaunch(self, link: WorkerLink) -> None:
        # The same sockets, the same shared memory: streams and latches go on where they stopped.
        if self._stopping or self._loop is None:
            return
        try:
            self._launch(link)
        except OSError:
            self._lost(link)
            return
        mine = [held for held in self._held.values() if held.link is link]
        for held in mine:
            link.open(held.port.id, held.slot, held.rtp.fileno(), held.rtcp.fileno())
            if held.state is not None:
                link.put(held.port.id, held.revision, held.state.pack())
        link.ready = self._loop.create_task(self._tell_ready(link))

    async def _tell_ready(self, link: WorkerLink) -> None:
        await link.confirmed()
        if link.up:
            self._on_event(WorkerReady(worker=link.number))

    def _lost(self, link: WorkerLink) -> None:
        if self._loop is None:
            return
        for port_id in [port for port, (_, owner, _) in self._closing.items() if owner is link]:
            self._closed_unseen(port_id)
        self._on_event(WorkerLost(worker=link.number))
        restarts = self._restarts[link.number]
        lived_s = self._loop.time() - restarts.launched_at
        restarts.failures = 0 if lived_s > _LIVED_WELL_S else restarts.failures
        wait_s = _RESTART_S[min(restarts.failures, len(_RESTART_S) - 1)]
        restarts.failures += 1
        self._loop.call_later(wait_s, self._relaunch, link)

    def _closed_unseen(self, port_id: int) -> None:
        known = self._closing.pop(port_id, None)
        if known is not None:
            self._free_slots.append(known[2])
            self._on_event(PortClosed(port_id=port_id, revision=known[0], stats=PortStats(), lost_worker=True))

    def _port_event(self, event: PortEvent) -> None:
        if isinstance(event, PortClosed):
            known = self._closing.pop(event.port_id, None)
            if known is None:
                return
            self._free_slots.append(known[2])
        self._on_event(event)

    def _move(self, held: _Held, link: WorkerLink) -> None:
        # Peers relay inside one process; the stream's state lies in memory that all workers share.
        if held.link.up:
            held.link.forget(held.port.id)
        held.link.ports -= 1
        held.link = link
        link.ports += 1
        if link.up:
            link.open(held.port.id, held.slot, held.rtp.fileno(), held.rtcp.fileno())


def _load_of(link: WorkerLink) -> tuple[bool, int]:
    return (not link.up, link.ports)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one and give it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard

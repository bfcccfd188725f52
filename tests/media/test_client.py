"""Media client against real worker processes on loopback."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.allocator import NoPortsLeft, PortAllocator, SocketPair
from media.client import MediaClient, WorkerFailed
from media.event import MediaEvent, PlayerFinished, PortClosed, PortLatched, WorkerLost, WorkerReady
from media.launcher import ExecLauncher, WorkerProcess
from media.port_state import Player, PortState
from tests.media.phone import Phone, Phones, until

pytestmark = pytest.mark.e2e  # Worker processes of its own.

Events = list[MediaEvent]


@asynccontextmanager
async def media(workers: int = 1, orphan_s: float = 60.0) -> AsyncIterator[tuple[MediaClient, Events]]:
    events: Events = []
    allocator = PortAllocator(
        addresses=("127.0.0.1",),
        port_min=20000,
        port_max=39999,
        now=time.monotonic,
        rng=random.Random(os.urandom(8)),
    )
    client = MediaClient(
        allocator=allocator,
        workers=workers,
        launcher=ExecLauncher(orphan_s=orphan_s, rtcp_interval_s=0.5),
        on_event=events.append,
    )
    await client.start()
    try:
        yield client, events
    finally:
        await client.stop()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(scenario(), 20.0)

    asyncio.run(limited())


async def eventually(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.002)


def of(events: Events, kind: type) -> Events:
    return [event for event in events if isinstance(event, kind)]


async def bridged(client: MediaClient, one: Phone, two: Phone) -> tuple[int, int, tuple[str, int], tuple[str, int]]:
    left = client.allocate()
    right = client.allocate(near=left.id)
    client.put(left.id, PortState(remote_rtp=one.address, relay_to=right.id, cname="left@test"))
    revision = client.put(right.id, PortState(remote_rtp=two.address, relay_to=left.id, cname="right@test"))
    await client.confirmed(right.id, revision)
    return left.id, right.id, (left.address, left.rtp_port), (right.address, right.rtp_port)


def test_two_phones_hear_each_other_and_release_gives_statistics(phones: Phones) -> None:
    async def scenario() -> None:
        one, two = phones(1), phones(2)
        async with media() as (client, events):
            assert isinstance(events[0], WorkerReady)
            left, right, to_left, to_right = await bridged(client, one, two)
            one.send(to_left, b"\x01" * 160)
            assert two.hear().payload == b"\x01" * 160
            two.send(to_right, b"\x02" * 160)
            assert one.hear().payload == b"\x02" * 160
            await eventually(lambda: len(of(events, PortLatched)) == 2)
            rows = await client.look((left, right, 999999), 5.0)
            assert set(rows) == {left, right}
            live = rows[left]
            assert (live.packets_received, live.packets_sent, live.octets_received) == (1, 1, 160)
            assert live.latched_to == one.address
            assert live.received_ago_ms is not None
            assert live.sent_ago_ms is not None
            assert 0 <= live.received_ago_ms < 10_000
            client.release(left)
            client.release(right)
            client.release(right)
            client.release(999999)
            await eventually(lambda: len(of(events, PortClosed)) == 2)
        closed = {event.port_id: event for event in events if isinstance(event, PortClosed)}
        assert closed[left].stats.packets_received == 1
        assert closed[left].stats.packets_sent == 1
        assert closed[left].stats.latched_to == one.address
        assert closed[left].lost_worker is False
        assert len(of(events, PortClosed)) == 2

    run(scenario)


def test_killed_worker_is_restarted_and_streams_go_on(phones: Phones) -> None:
    async def scenario() -> None:
        one, two = phones(1), phones(2)
        async with media() as (client, events):
            left, _, to_left, _ = await bridged(client, one, two)
            one.send(to_left)
            before = two.hear()
            killed_at = time.monotonic()
            os.kill(client.worker_pids()[0], signal.SIGKILL)
            await eventually(lambda: len(of(events, WorkerReady)) == 2)
            assert len(of(events, WorkerLost)) == 1
            two.drain()
            one.send(to_left)
            after = two.hear()
            assert time.monotonic() - killed_at < 2.0
            assert after.ssrc == before.ssrc
            assert 1 <= (after.sequence - before.sequence) & 0xFFFF <= 3
            assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 8000 * 5
            client.release(left)
            await eventually(lambda: of(events, PortClosed))

    run(scenario)


def test_player_finishes_and_says_when_its_file_is_missing(tmp_path: Path, phones: Phones) -> None:
    path = str(tmp_path / "prompt.raw")
    Path(path).write_bytes(b"\x11" * 160 + b"\x22" * 160)

    async def scenario() -> None:
        phone = phones(1)
        async with media() as (client, events):
            port = client.allocate()
            player = Player(id=1, path=path, payload_type=0)
            client.put(port.id, PortState(remote_rtp=phone.address, player=player))
            await eventually(lambda: len(of(events, PlayerFinished)) == 1)
            assert [phone.hear().payload[0] for _ in range(2)] == [0x11, 0x22]
            missing = Player(id=2, path=path + ".none", payload_type=0)
            revision = client.put(port.id, PortState(remote_rtp=phone.address, player=missing))
            await eventually(lambda: len(of(events, PlayerFinished)) == 2)
        finished = [event for event in events if isinstance(event, PlayerFinished)]
        assert finished[0].error is None
        assert finished[1].player_id == 2
        assert finished[1].revision == revision
        assert finished[1].error is not None

    run(scenario)


def test_peers_of_two_workers_are_brought_together(phones: Phones) -> None:
    async def scenario() -> None:
        one, two = phones(1), phones(2)
        async with media(workers=2) as (client, _):
            left, right = client.allocate(), client.allocate()
            assert left.worker != right.worker
            client.put(left.id, PortState(remote_rtp=one.address, relay_to=right.id))
            revision = client.put(right.id, PortState(remote_rtp=two.address, relay_to=left.id))
            await client.confirmed(right.id, revision)
            one.send((left.address, left.rtp_port))
            two.hear()
            two.send((right.address, right.rtp_port))
            one.hear()

    run(scenario)


def test_worker_without_control_lets_media_flow_and_ends_itself(phones: Phones) -> None:
    async def scenario() -> None:
        one, two = phones(1), phones(2)
        async with media(orphan_s=0.5) as (client, _):
            _, _, to_left, _ = await bridged(client, one, two)
            link = client._links[0]
            process, ours = link._process, link._socket
            assert process is not None
            assert ours is not None
            asyncio.get_running_loop().remove_reader(ours.fileno())
            asyncio.get_running_loop().remove_reader(link._pid_fd)
            ours.shutdown(2)
            one.send(to_left)
            two.hear()
            await eventually(lambda: process.poll() is not None)
            assert process.poll() == 0
            link._exited()

    run(scenario)


def test_thousand_ports_open_and_close_in_one_iteration() -> None:
    async def scenario() -> None:
        async with media() as (client, events):
            ports = [client.allocate() for _ in range(1000)]
            for port in ports:
                client.put(port.id, PortState(remote_rtp=("127.0.0.1", 9)))
            for port in ports:
                client.release(port.id)
            await eventually(lambda: len(of(events, PortClosed)) == 1000)
            assert not any(event.lost_worker for event in events if isinstance(event, PortClosed))

    run(scenario)


def test_a_look_at_thousands_of_ports_and_at_none() -> None:
    async def scenario() -> None:
        async with media(workers=2) as (client, _):
            ports = [client.allocate().id for _ in range(2500)]
            for port_id in ports[:-1]:
                client.put(port_id, PortState(remote_rtp=("127.0.0.1", 9)))
            rows = await client.look(ports, 10.0)
            assert set(rows) == set(ports)
            assert all(row.received_ago_ms is None and row.sent_ago_ms is None for row in rows.values())
            assert await client.look((), 1.0) == {}
            client.release(ports[0])
            assert set(await client.look(ports[:2], 5.0)) == {ports[1]}

    run(scenario)


def test_a_worker_that_does_not_answer_or_dies_gives_no_rows() -> None:
    async def scenario() -> None:
        async with media(workers=2) as (client, events):
            one, two = client.allocate(), client.allocate()
            assert one.worker != two.worker
            await client.look((one.id, two.id), 5.0)
            stopped = client.worker_pids()[one.worker]
            os.kill(stopped, signal.SIGSTOP)
            assert set(await client.look((one.id, two.id), 0.5)) == {two.id}
            asked = asyncio.create_task(client.look((one.id, two.id), 15.0))
            await asyncio.sleep(0)
            os.kill(stopped, signal.SIGKILL)
            assert set(await asked) == {two.id}
            await eventually(lambda: len(of(events, WorkerReady)) == 3)
            assert set(await client.look((one.id, two.id), 5.0)) == {one.id, two.id}

    run(scenario)


def test_a_worker_that_cannot_start_is_said() -> None:
    async def scenario() -> None:
        allocator = PortAllocator(addresses=("127.0.0.1",), port_min=20000, port_max=20039, now=lambda: 0.0)

        def launch(control_fd: int, memory_fd: int) -> WorkerProcess:
            return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

        client = MediaClient(allocator=allocator, workers=1, launcher=launch, on_event=lambda event: None)
        with pytest.raises(WorkerFailed, match="worker 0"):
            await client.start()

    run(scenario)


def test_capacity_follows_the_port_range() -> None:
    allocator = PortAllocator(addresses=("127.0.0.1",), port_min=20000, port_max=20039, now=lambda: 0.0)
    client = MediaClient(allocator=allocator, workers=1, launcher=ExecLauncher(), on_event=lambda event: None)
    assert client.capacity() == 10


def test_numbers_rest_and_bound_ones_are_skipped(phones: Phones) -> None:
    now = [0.0]
    foreign = phones(1)
    base = foreign.address[1] & ~1
    allocator = PortAllocator(
        addresses=("127.0.0.1",), port_min=base, port_max=base + 5, now=lambda: now[0], rest_s=30.0
    )
    pairs: list[SocketPair] = []
    while len(pairs) < 3:
        try:
            pairs.append(allocator.take())
        except NoPortsLeft:
            break
    taken = [pair.rtp_port for pair in pairs]
    assert base not in taken
    assert allocator.bound_by_others >= 1
    if pairs:
        first = pairs[0]
        first.rtp.close()
        first.rtcp.close()
        allocator.give_back("127.0.0.1", first.rtp_port)
        with pytest.raises(NoPortsLeft):
            allocator.take()
        now[0] = 3.0
        again = allocator.take()
        assert again.rtp_port == first.rtp_port
        assert allocator.short_rests == 1
        again.rtp.close()
        again.rtcp.close()
    for pair in pairs[1:]:
        pair.rtp.close()
        pair.rtcp.close()


def test_until_fails_at_its_deadline() -> None:
    with pytest.raises(AssertionError):
        until(lambda: False, timeout_s=0.01)

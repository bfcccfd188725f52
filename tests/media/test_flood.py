"""Ports under a rain of garbage: calls that are relayed, mixed and recorded go on, and nothing grows."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from media.mix_state import Mix, Tap
from tests.media.phone import Phones
from tests.media.test_client import media, run
from tests.media.test_rooms import Party

pytestmark = pytest.mark.e2e  # Worker processes of its own, and real time.

DATAGRAMS = 30_000
MAX_GROWTH_KB = 20_000


def garbage(rng: random.Random) -> Iterator[bytes]:
    """Random octets, RTP and RTCP cut short, of every type and size, with lies in their lengths."""
    while True:
        size = rng.choice((0, 1, 3, 11, 12, 13, 40, 172, 400, 1400, 2047, 2048, 2049, 9000))
        data = bytearray(rng.randbytes(size))
        kind = rng.randrange(4)
        if kind and size >= 2:
            data[0] = 0x80 | rng.randrange(64) * (kind == 1)
            data[1] = rng.choice((200, 201, 202, 203, 204)) if kind == 2 else rng.randrange(256)
        yield bytes(data)


def stray(rng: random.Random, ssrc: int) -> bytes:
    """A whole RTP packet, whose sequence number, timestamp and SSRC may be anything."""
    sequence, timestamp = rng.randrange(1 << 16), rng.randrange(1 << 32)
    source = ssrc if rng.random() < 0.5 else rng.randrange(1 << 32)
    head = struct.pack(">BBHII", 0x80, rng.choice((0, 0, 13, 101)), sequence, timestamp, source)
    return head + rng.randbytes(rng.choice((0, 1, 80, 160, 480, 1400)))


def memory_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:"))


def test_a_stranger_floods_every_port(phones: Phones, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(4)])
            for number in (0, 1):
                party.put(number, None, relay_to=party.ports[1 - number].id, tap=Tap(path=str(tmp_path / str(number))))
            for number in (2, 3):
                party.put(number, Mix(room=1), tap=Tap(path=str(tmp_path / str(number))))
            expected = [{1}, {0}, {3}, {2}]
            assert await party.hear(range(4)) == expected
            pids = client.worker_pids()
            before_kb = memory_kb(pids[0])
            rng = random.Random(7)
            flood = garbage(rng)
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as eve:
                eve.bind(("127.0.0.1", 0))

                def send(count: int) -> None:
                    for number in range(count):
                        port = party.ports[number % 4]
                        to = port.rtp_port if number % 3 else port.rtcp_port
                        eve.sendto(next(flood) if number % 5 else stray(rng, 3), (port.address, to))

                talking = asyncio.create_task(party.hear(range(4)))
                await asyncio.to_thread(send, DATAGRAMS)
                await talking
                assert await party.hear(range(4)) == expected
            assert client.worker_pids() == pids
            assert memory_kb(pids[0]) - before_kb < MAX_GROWTH_KB

    run(scenario)


def test_a_far_end_goes_mad(phones: Phones, tmp_path: Path) -> None:
    """From the very address that is listened to: the other calls do not notice, and its own recovers."""

    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(4)])
            for number in range(4):
                party.put(number, Mix(room=1 + number // 2), tap=Tap(path=str(tmp_path / str(number))))
            expected = [{1}, {0}, {3}, {2}]
            assert await party.hear(range(4)) == expected
            (pid,) = client.worker_pids()
            before_kb = memory_kb(pid)
            rng = random.Random(8)
            port, phone = party.ports[0], party.phones[0]

            def send() -> None:
                for _ in range(DATAGRAMS // 3):
                    phone.rtp.sendto(stray(rng, phone.ssrc), (port.address, port.rtp_port))

            talking = asyncio.create_task(party.hear([1, 2, 3]))
            await asyncio.to_thread(send)
            assert (await talking)[2:] == [{3}, {2}]
            assert await party.hear(range(4)) == expected
            assert client.worker_pids() == [pid]
            assert memory_kb(pid) - before_kb < MAX_GROWTH_KB

    run(scenario)


def test_no_disk_for_the_recording(phones: Phones) -> None:
    """/dev/full takes nothing: the recording ends and says so, the call goes on."""

    async def scenario() -> None:
        async with media() as (client, events):
            party = Party(client, [phones(number + 1) for number in range(2)])
            for number in range(2):
                party.put(number, Mix(room=1), tap=Tap(path="/dev/full" if number else os.devnull))
            assert await party.hear(range(2)) == [{1}, {0}]
            told = [event for event in events if type(event).__name__ == "TapFailed"]
            assert [event.port_id for event in told] == [party.ports[1].id]  # type: ignore[union-attr]

    run(scenario)

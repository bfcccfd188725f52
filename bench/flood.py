"""Flood: garbage at 100,000 datagrams a second on the ports of calls that are up; the calls must not notice."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from pathlib import Path

from bench.build import build
from bench.figure import Figure
from bench.mixing import HEARD
from bench.plan import Plan
from bench.rtp_generator import CallEnds, far_end, run_calls
from media.allocator import PortAllocator
from media.client import MediaClient
from media.codecs import CODECS
from media.event import MediaEvent, WorkerLost
from media.launcher import ExecLauncher
from media.mix_state import Mix, Voice
from media.port_state import PortState

CALLS = 40
ROOMS = 10
RATE = 100_000.0
FULL_S, QUICK_S = 20.0, 5.0
SIZES = (0, 1, 3, 11, 12, 13, 40, 100, 172, 400, 1400, 2047, 2048, 2049, 9000)


def garbage(count: int) -> list[bytes]:
    """Random octets, RTP and RTCP cut short or with lies in them, of every size."""
    rng = random.Random(1)
    made = []
    for number in range(count):
        size = SIZES[number % (len(SIZES) - 1)] if number % 50 else SIZES[-1]
        data = bytearray(rng.randbytes(size))
        kind = rng.randrange(4)
        if kind and size >= 12:
            head = (rng.randrange(1 << 16), rng.randrange(1 << 32), rng.randrange(1 << 32))
            first = 0x80 if kind == 1 else 0x80 | rng.randrange(64)
            second = rng.choice((200, 201, 202, 203, 204, 205)) if kind == 2 else rng.randrange(128)
            data[:12] = struct.pack(">BBHII", first, second, *head)
        made.append(bytes(data))
    return made


async def _run(seconds: float) -> tuple[dict[str, int], int, int, float]:
    from bench._streams import flood

    events: list[MediaEvent] = []
    allocator = PortAllocator(
        addresses=("127.0.0.1",), port_min=10000, port_max=29999, now=time.monotonic, rng=random.Random(1)
    )
    client = MediaClient(allocator=allocator, workers=1, launcher=ExecLauncher(), on_event=events.append)
    await client.start()
    ends, targets = [], []
    for number in range(CALLS + ROOMS):
        left, right = far_end(), far_end()
        one = client.allocate()
        two = client.allocate(near=one.id)
        for port, peer, end in ((one, two, left), (two, one, right)):
            mix = Mix(room=one.id) if number >= CALLS else None
            voice = Voice(hear=(HEARD["pcmu"],), speak=HEARD["pcmu"]) if mix is not None else None
            relay_to = peer.id if mix is None else None
            client.put(
                port.id,
                PortState(
                    remote_rtp=end.getsockname(),
                    accept=(0,),
                    relay_to=relay_to,
                    voice=voice,
                    mix=mix,
                    clock_rate=CODECS["pcmu"].clock_rate,
                ),
            )
            targets += [(port.address, port.rtp_port), (port.address, port.rtcp_port)]
        if number < CALLS:
            to_left, to_right = (one.address, one.rtp_port), (two.address, two.rtp_port)
            ends.append(CallEnds(left=left, right=right, to_left=to_left, to_right=to_right))
    await asyncio.sleep(0.2)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, run_calls, ends, 1.0, 0.0, 300)
    (pid,) = client.worker_pids()
    before_kb = _memory_kb(pid)
    enemy = far_end()
    flooding = loop.run_in_executor(None, flood, enemy.fileno(), targets, garbage(3000), RATE, seconds)
    result = await loop.run_in_executor(None, run_calls, ends, seconds, 0.0, 300)
    sent = await flooding
    grown_mb = (_memory_kb(pid) - before_kb) / 1024
    await client.stop()
    return result, sent, sum(isinstance(event, WorkerLost) for event in events), grown_mb


def _memory_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:"))


def measure_flood(plan: Plan) -> list[Figure]:
    """What 40 relayed calls (and ten that are mixed) lose meanwhile."""
    build()
    seconds = plan.length_s(FULL_S, QUICK_S)
    result, sent, deaths, grown_mb = asyncio.run(_run(seconds))
    return [
        Figure(
            work=f"garbage at {sent / seconds:,.0f} a second for {seconds:g} s: packets of {CALLS} calls lost",
            unit="packets",
            ours=(float(result["lost"]),),
            must=0.001 * result["sent"],
            note=f"of {result['sent']}; heard by the wrong side or from a stranger: {result['misdirected']}, "
            f"{result['foreign']}",
        ),
        Figure(work="  workers that ended", unit="workers", ours=(float(deaths),), must=0.0),
        Figure(work="  memory that the worker gained", unit="MB", ours=(grown_mb,), must=10.0),
    ]

"""Mixing: what the media worker spends on calls that it decodes: transcoded, in a conference, recorded, played to.

One worker of ours and one rtpengine, driven by the same generator in the same run; all their CPU counts.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.build import build
from bench.cpu import tree_time
from bench.figure import Figure
from bench.peer_rtpengine import RtpEngine
from bench.plan import Plan
from bench.program import StepFailed
from bench.rtp_generator import cpu_s, far_end
from media.allocator import PortAllocator
from media.client import MediaClient, Port
from media.codecs import CODECS, Samples
from media.launcher import ExecLauncher
from media.mix_state import Heard, Mix, Tap, Voice
from media.port_state import Player, PortState

FULL_S, QUICK_S = 10.0, 4.0
WARM_UP_S = 3.0
PAYLOAD_TYPES = {"pcmu": 0, "pcma": 8, "opus": 111}
HEARD = {codec: Heard(payload_type=number, codec=codec) for codec, number in PAYLOAD_TYPES.items()}


class Far:
    """The far ends of a run: sockets by what they say."""

    def __init__(self) -> None:
        self.ends: dict[str, list[tuple[socket.socket, tuple[str, int]]]] = {}
        self.silent: list[socket.socket] = []

    def talker(self, codec: str, end: socket.socket, port: Port) -> None:
        """An end that talks to a port."""
        self.ends.setdefault(codec, []).append((end, (port.address, port.rtp_port)))

    def voices(self) -> list[Any]:
        """What lets them talk: one generator for each codec."""
        return [make_voices(codec, [(end.fileno(), to) for end, to in ends]) for codec, ends in self.ends.items()]

    def close(self) -> None:
        """Close the sockets."""
        for ends in self.ends.values():
            for end, _ in ends:
                end.close()
        for end in self.silent:
            end.close()


Setup = Callable[[MediaClient, Far], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: percent of a core per unit, packets sent to the worker, and received from it."""

    percent: float
    sent: int
    received: int


def make_voices(codec: str, ends: list[tuple[int, tuple[str, int]]]) -> Any:
    """Far ends that say the same sound, each from another place on."""
    from bench._streams import Voices

    return Voices(ends, *frames_of(codec))


def speech(rate_hz: int, seconds: float = 10.0) -> Samples:
    """Something like speech: noise of a few formants, in syllables with pauses."""
    rng = np.random.default_rng(5)
    count = int(rate_hz * seconds)
    at = np.arange(count) / rate_hz
    voice = sum(np.sin(2 * np.pi * hz * at + rng.uniform(0, 6)) / (1 + n) for n, hz in enumerate((140, 280, 560, 1120)))
    envelope = np.clip(np.sin(2 * np.pi * 3.1 * at), 0, 1) * (np.sin(2 * np.pi * 0.31 * at) > -0.3)
    said: Samples = np.round(6000 * np.asarray(voice) * envelope + rng.normal(0, 20, count)).astype(np.int16)
    return said


@cache
def frames_of(codec: str) -> tuple[list[bytes], int, int]:
    """Payloads of ten seconds, timestamp units of each, payload type."""
    entry = CODECS[codec]
    rate_hz = 16000 if codec == "opus" else entry.rate_hz
    encoder, samples = entry.encoder(rate_hz, None), speech(rate_hz)
    size = rate_hz // 50
    payloads = [encoder.encode(samples[at : at + size]) for at in range(0, len(samples) - size + 1, size)]
    return payloads, entry.samples_per_frame(20), PAYLOAD_TYPES[codec]


async def measure(setup: Setup, units: int, seconds: float, workers: int = 1) -> Run:
    """CPU of the workers for so many units of work."""
    allocator = PortAllocator(
        addresses=("127.0.0.1",), port_min=10000, port_max=29999, now=time.monotonic, rng=random.Random(1)
    )
    client = MediaClient(allocator=allocator, workers=workers, launcher=ExecLauncher(), on_event=lambda event: None)
    await client.start()
    far = Far()
    setup(client, far)
    await asyncio.sleep(0.3)
    loop = asyncio.get_running_loop()
    voices = far.voices()

    async def talk(length_s: float) -> tuple[int, int]:
        counts = await asyncio.gather(*(loop.run_in_executor(None, one.run, length_s) for one in voices))
        return sum(sent for sent, _ in counts), sum(got for _, got in counts)

    if voices:
        await talk(WARM_UP_S)
    before, begun = sum(map(cpu_s, client.worker_pids())), time.monotonic()
    sent, got = await talk(seconds) if voices else (0, 0)
    if not voices:
        await asyncio.sleep(seconds)
    used = sum(map(cpu_s, client.worker_pids())) - before
    passed = time.monotonic() - begun
    await client.stop()
    far.close()
    return Run(percent=100.0 * used / passed / units, sent=sent, received=got)


# -- what is set up


def relay(calls: int) -> Setup:
    """Two-way calls in one codec."""
    return lambda client, far: _calls(client, far, calls, "pcmu", "pcmu", None)


def recorded(calls: int, folder: Path) -> Setup:
    """The same, both sides recorded."""
    return lambda client, far: _calls(client, far, calls, "pcmu", "pcmu", folder)


def transcoded(calls: int, one: str, other: str) -> Setup:
    """Two-way calls, each side in a codec of its own."""
    return lambda client, far: _calls(client, far, calls, one, other, None)


def _calls(client: MediaClient, far: Far, calls: int, one: str, other: str, folder: Path | None) -> None:
    for number in range(calls):
        left, right = far_end(), far_end()
        a = client.allocate()
        b = client.allocate(near=a.id)
        for port, peer, end, codec in ((a, b, left, one), (b, a, right, other)):
            mix = None if one == other else Mix(room=a.id)
            tap = None if folder is None else Tap(path=str(folder / f"{number}-{port.id}.tap"))
            state = PortState(
                remote_rtp=end.getsockname(),
                clock_rate=CODECS[codec].clock_rate,
                relay_to=peer.id if mix is None else None,
                voice=_voice(codec),
                mix=mix,
                tap=tap,
            )
            client.put(port.id, state)
            far.talker(codec, end, port)


def conference(members: int) -> Setup:
    """One room."""

    def setup(client: MediaClient, far: Far) -> None:
        first = None
        for _ in range(members):
            end = far_end()
            port = client.allocate(near=first)
            first = first or port.id
            mix = Mix(room=1 << 40, conference=True)
            client.put(port.id, PortState(remote_rtp=end.getsockname(), voice=_voice("pcmu"), mix=mix))
            far.talker("pcmu", end, port)

    return setup


def prompt(callers: int, path: str) -> Setup:
    """One looped prompt, heard by all from its own beginning."""

    def setup(client: MediaClient, far: Far) -> None:
        for number in range(callers):
            end = far_end()
            port = client.allocate()
            player = Player(id=1, path=path, payload_type=0, plays=None, start_ms=number * 20)
            client.put(port.id, PortState(remote_rtp=end.getsockname(), player=player))
            far.silent.append(end)

    return setup


def _voice(codec: str) -> Voice:
    heard = HEARD[codec]
    return Voice(hear=(heard,), speak=heard)


# -- figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A work: how it is set up, its budget in percent of a core, and the peer's way of it."""

    name: str
    units: int
    setup: Setup
    must: float
    aim: float | None = None
    peer: tuple[str, str] | None = None


def works(folder: Path) -> list[Work]:
    """All that is measured."""
    path = folder / "prompt.raw"
    path.write_bytes(b"\x55" * 160 * 500)
    taps = folder / "taps"
    taps.mkdir(exist_ok=True)
    return [
        Work(name="relayed G.711 call", units=200, setup=relay(200), must=0.10, aim=0.06, peer=("pcmu", "pcmu")),
        Work(
            name="the same, recorded (until the finaliser)", units=200, setup=recorded(200, taps), must=0.22, aim=0.12
        ),
        Work(name="conference member, room of 100", units=100, setup=conference(100), must=0.15, aim=0.08),
        Work(name="conference member, room of 500", units=500, setup=conference(500), must=0.15, aim=0.08),
        Work(name="prompt to one caller", units=300, setup=prompt(300, str(path)), must=0.06, aim=0.04),
        Work(
            name="call PCMU - PCMA", units=100, setup=transcoded(100, "pcmu", "pcma"), must=0.2, peer=("pcmu", "pcma")
        ),
        Work(
            name="call Opus (16 kHz) - PCMU",
            units=40,
            setup=transcoded(40, "opus", "pcmu"),
            must=0.9,
            peer=("opus", "pcmu"),
        ),
    ]


def measure_mixing(plan: Plan) -> list[Figure]:
    """Every work, ours and (where it has a way of doing it) rtpengine's, one after the other, round after round."""
    build()
    seconds = plan.length_s(FULL_S, QUICK_S)
    figures = []
    for work in works(plan.folder):
        ours: list[Run] = []
        peers: list[float] = []
        failure = ""
        while plan.another_round(len(ours), 2 * (seconds + WARM_UP_S + 2.0)):
            ours.append(asyncio.run(measure(work.setup, work.units, seconds)))
            if plan.peers and work.peer is not None:
                try:
                    peers.append(_peer(plan.folder / f"{work.name[:12]}-{len(ours)}", work, seconds))
                except (StepFailed, RuntimeError) as error:
                    failure = str(error)
        note = f"packets in {ours[-1].sent}, out {ours[-1].received}" if ours[-1].sent else ""
        figures.append(
            Figure(
                work=work.name,
                unit="% core",
                ours=tuple(run.percent for run in ours),
                peer=tuple(peers),
                peer_name="rtpengine userspace" if peers else "",
                must=work.must,
                aim=work.aim,
                note=f"peer not measured: {failure}" if failure else note,
            )
        )
    figures.append(_workers(plan, seconds))
    return figures


def _workers(plan: Plan, seconds: float) -> Figure:
    """What a call costs when two workers carry twice as many as one: nothing is shared between them."""
    ratios = []
    for _ in range(plan.rounds):
        one = asyncio.run(measure(relay(250), 250, seconds, workers=1))
        two = asyncio.run(measure(relay(500), 500, seconds, workers=2))
        ratios.append(two.percent / one.percent)
    return Figure(
        work="  500 relayed calls on two workers: CPU of one, against 250 on one",
        unit="x CPU",
        ours=tuple(ratios),
        must=round(2 / 1.8, 3),
        note="up to here two carry 1.8 times what one carries",
    )


def _peer(folder: Path, work: Work, seconds: float) -> float:
    assert work.peer is not None
    engine = RtpEngine(folder)
    try:
        engine.set_up(work.units, *work.peer)
        ends: dict[str, list[tuple[int, tuple[str, int]]]] = {}
        for call in engine.ends:
            ends.setdefault(work.peer[0], []).append((call.left.fileno(), call.to_left))
            ends.setdefault(work.peer[1], []).append((call.right.fileno(), call.to_right))
        voices = [make_voices(codec, rows) for codec, rows in ends.items()]
        with ThreadPoolExecutor(len(voices)) as pool:
            list(pool.map(lambda one: one.run(WARM_UP_S), voices))
            before, begun = tree_time(engine.pid), time.monotonic()
            counts = list(pool.map(lambda one: one.run(seconds), voices))
            used, passed = tree_time(engine.pid).since(before), time.monotonic() - begun
        if sum(got for _, got in counts) < 0.9 * sum(sent for sent, _ in counts):
            raise StepFailed(f"rtpengine passes only {sum(got for _, got in counts)} packets on")
        return 100.0 * used / passed / work.units
    finally:
        engine.close()

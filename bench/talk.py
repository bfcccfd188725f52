"""Talk: CPU, loss and delay of two-way G.711 calls relayed by the whole server, beside rtpengine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cpu import tree_time
from bench.figure import Figure
from bench.peer_rtpengine import RtpEngine
from bench.phone_pair import PhonePair
from bench.plan import Plan
from bench.program import StepFailed
from bench.rtp_generator import CallEnds, run_calls
from bench.server import Server
from bench.udp_port import HOST, RTP_PORTS, drops_at

CALLS = 300
RATE = 100.0
WARM_UP_S = 2.0
FULL_S, QUICK_S = 20.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkRun:
    """One round: percent of a core per call; packets; delay added, in ms."""

    cpu_percent: float
    sent: int
    lost: int
    dropped_before: int
    dropped_after: int
    disordered: int
    p50_ms: float
    p99_ms: float
    generator_late_ms: float

    @property
    def lost_by_relay(self) -> int:
        """Packets that never came, but for those that the kernel dropped at the generator's own sockets."""
        return max(0, self.lost - self.dropped_after)


def measure_talk(plan: Plan) -> list[Figure]:
    """CPU per call, packets lost, delay added: of ours and of rtpengine, by the same generator, round after round."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    ours: list[TalkRun] = []
    peer: list[TalkRun] = []
    failure = "not asked for"
    while plan.another_round(len(ours), 2 * (length_s + 10.0)):
        turn = len(ours)
        ours.append(_our_round(plan.folder / f"talk-{turn}", length_s))
        if plan.peers:
            try:
                peer.append(_rtpengine_round(plan.folder / f"rtpengine-{turn}", length_s))
                failure = ""
            except (StepFailed, RuntimeError) as error:
                failure = str(error)
    return _figures(ours, peer, length_s, failure)


def _figures(ours: list[TalkRun], peer: list[TalkRun], length_s: float, failure: str) -> list[Figure]:
    name = "rtpengine userspace" if peer else ""
    late_ms = max(run.generator_late_ms for run in ours)
    return [
        Figure(
            work=f"relay of one of {CALLS} two-way G.711 calls, {length_s:g} s: CPU",
            unit="% core",
            ours=tuple(run.cpu_percent for run in ours),
            peer=tuple(run.cpu_percent for run in peer),
            peer_name=name,
            must=0.10,
            aim=0.06,
            note=f"peer not measured: {failure}" if failure else "",
        ),
        Figure(
            work="  packets lost by the relay",
            unit="packets",
            ours=tuple(float(run.lost_by_relay) for run in ours),
            peer=tuple(float(run.lost_by_relay) for run in peer),
            peer_name=name,
            must=0.0,
            note=f"of {sum(run.sent for run in ours)}; kernel dropped {sum(run.dropped_after for run in ours)} "
            "at the generator's sockets",
        ),
        Figure(
            work="  dropped by the kernel at the relay's sockets",
            unit="packets",
            ours=tuple(float(run.dropped_before) for run in ours),
            peer=tuple(float(run.dropped_before) for run in peer),
            peer_name=name,
            must=0.0,
        ),
        Figure(
            work="  doubled, out of order, to the wrong call",
            unit="packets",
            ours=tuple(float(run.disordered) for run in ours),
            peer=tuple(float(run.disordered) for run in peer),
            peer_name=name,
            must=0.0,
        ),
        Figure(
            work="  delay added: p50",
            unit="ms",
            ours=tuple(run.p50_ms for run in ours),
            peer=tuple(run.p50_ms for run in peer),
            peer_name=name,
        ),
        Figure(
            work="  delay added: p99",
            unit="ms",
            ours=tuple(run.p99_ms for run in ours),
            peer=tuple(run.p99_ms for run in peer),
            peer_name=name,
            must=1.0,
            aim=0.5,
            note=f"generator late by at most {late_ms:.1f} ms",
        ),
    ]


def _our_round(folder: Path, length_s: float) -> TalkRun:
    with (
        Server(folder) as server,
        PhonePair((HOST, server.port), server.load_in, server.load_out, media=True) as pair,
    ):
        pair.set_up(CALLS, RATE, None)
        pair.hold(1.0)
        run = _talk(server.pid, pair.ends(), server.media_host, length_s)
        pair.hold(0.5)
        pair.hang_up(RATE)
    return run


def _rtpengine_round(folder: Path, length_s: float) -> TalkRun:
    with RtpEngine(folder) as engine:
        engine.set_up(CALLS)
        return _talk(engine.pid, engine.ends, engine.media_host, length_s)


def _talk(root: int, ends: list[CallEnds], relay_host: str, length_s: float) -> TalkRun:
    """Talk on all calls; a first while is thrown away, so that both relays have learnt where packets come from."""
    own_ports = {one.getsockname()[1] for end in ends for one in (end.left, end.right)}
    run_calls(ends, WARM_UP_S, 0.0)
    before, dropped_before, dropped_after = tree_time(root), drops_at(relay_host, RTP_PORTS), drops_at(HOST, own_ports)
    result: dict[str, Any] = run_calls(ends, length_s, 0.0)
    used_s = tree_time(root).since(before)
    if not result["received"]:
        raise StepFailed("not one packet came through the relay")
    return TalkRun(
        cpu_percent=100.0 * used_s / length_s / len(ends),
        sent=result["sent"],
        lost=result["lost"],
        dropped_before=drops_at(relay_host, RTP_PORTS) - dropped_before,
        dropped_after=drops_at(HOST, own_ports) - dropped_after,
        disordered=result["duplicated"] + result["reordered"] + result["misdirected"],
        p50_ms=result["delay_us"]["p50"] / 1000.0,
        p99_ms=result["delay_us"]["p99"] / 1000.0,
        generator_late_ms=result["generator_late_us"] / 1000.0,
    )

"""RTP generator for benchmarks: two-way calls of 50 packets a second each way, checked packet by packet."""

import os
import socket
from dataclasses import dataclass
from typing import Any

from bench.build import build

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnds:
    """Two far ends of one call: our sockets, and where each sends to."""

    left: socket.socket
    right: socket.socket
    to_left: Address
    to_right: Address


def far_end(host: str = "127.0.0.1") -> socket.socket:
    """Bind a UDP socket that plays one phone."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    bound.bind((host, 0))
    return bound


def run_calls(calls: list[CallEnds], seconds: float, warm_up_s: float = 1.0, gap_us: int = 0) -> dict[str, Any]:
    """Talk both ways on every call for `seconds`; gives loss, order, delays (see Streams.result).

    A first run of `warm_up_s` is thrown away, so that latching and gathering have settled;
    `gap_us`: see Streams.
    """
    build()
    from bench._streams import Streams

    ends: list[tuple[int, Address, int]] = []
    for call in calls:
        first = len(ends)
        ends.append((call.left.fileno(), call.to_left, first + 1))
        ends.append((call.right.fileno(), call.to_right, first))
    if warm_up_s:
        Streams(ends, warm_up_s, gap_us).run(warm_up_s)
    streams = Streams(ends, seconds, gap_us)
    streams.run(seconds)
    result: dict[str, Any] = streams.result()
    result["seconds"] = seconds
    return result


def cpu_s(pid: int) -> float:
    """CPU seconds (user and system) that a process has used, all threads."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rsplit(b")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

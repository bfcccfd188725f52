"""UDP ports: free ones, and what the kernel dropped at them."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from contextlib import closing
from itertools import pairwise

LOW, HIGH = 11_000, 32_000
"""Below the range that the kernel takes for sockets without a number (32768 and up)."""
HOST = "127.0.0.1"


def free_ports(count: int = 1) -> int:
    """The first, an even one, of `count` neighbouring free UDP ports on loopback.

    Raises RuntimeError if there are none.
    """
    taken = [LOW - 1, *sorted(port for port in bound_ports() if LOW <= port < HIGH), HIGH]
    gaps = [(low + 1 + (low + 1) % 2, high) for low, high in pairwise(taken)]
    wide = [(first, last) for first, last in gaps if last - first >= count]
    random.shuffle(wide)
    for first, last in wide:
        # Not always the first: two benchmarks that start together shall not meet.
        chosen = random.randrange(first, last - count + 1, 2)
        if _binds(chosen):
            return chosen
    raise RuntimeError(f"no {count} neighbouring free UDP ports between {LOW} and {HIGH}: end other programs")


def _binds(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def bound_ports() -> set[int]:
    """The UDP ports that some socket of this machine has."""
    return set(drops_by_port())


def drops_by_port() -> dict[int, int]:
    """What the kernel dropped at each UDP port because the socket's buffer was full (/proc/net/udp, last column)."""
    drops: dict[int, int] = {}
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with open(table, encoding="ascii") as lines:
            next(lines)
            for line in lines:
                fields = line.split()
                port = int(fields[1].rpartition(":")[2], 16)
                drops[port] = drops.get(port, 0) + int(fields[-1])
    return drops


def drops_at(ports: Collection[int]) -> int:
    """What the kernel dropped at these ports so far."""
    drops = drops_by_port()
    return sum(drops.get(port, 0) for port in ports)

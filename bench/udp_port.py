"""UDP ports: free ones, and what the kernel dropped at them."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Collection
from contextlib import closing

LOW, HIGH = 11_000, 32_000
"""Below the range that the kernel takes for sockets without a number (32768 and up)."""
HOST = "127.0.0.1"
RTP_PORTS = range(10_000, 30_000)
"""Of every relay that is measured, at `own_host`."""


def free_port() -> int:
    """A free even UDP port on loopback. Raises RuntimeError if there is none."""
    taken = set(drops_by_port(None))
    free = [port for port in range(LOW, HIGH, 2) if port not in taken]
    random.shuffle(free)
    for port in free:
        if _binds(port):
            return port
    raise RuntimeError(f"no free UDP port between {LOW} and {HIGH}: end other programs")


def own_host() -> str:
    """A loopback address of this benchmark's own: a whole RTP range is free there, whatever else runs."""
    number = os.getpid()
    return f"127.{64 + (number >> 16) % 64}.{(number >> 8) % 256}.{1 + number % 250}"


def _binds(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def is_bound(port: int) -> bool:
    """Whether some socket of this machine has the UDP port."""
    return port in drops_by_port(None)


def drops_by_port(host: str | None) -> dict[int, int]:
    """What the kernel dropped at each UDP port because the socket's buffer was full (/proc/net/udp, last column).

    `host`: sockets bound to this IPv4 address alone; None for all.
    """
    wanted = None if host is None else f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}"
    drops: dict[int, int] = {}
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with open(table, encoding="ascii") as lines:
            next(lines)
            for line in lines:
                fields = line.split()
                address, _, number = fields[1].rpartition(":")
                if wanted is None or address == wanted:
                    port = int(number, 16)
                    drops[port] = drops.get(port, 0) + int(fields[-1])
    return drops


def drops_at(host: str, ports: Collection[int]) -> int:
    """What the kernel dropped at these ports of an address so far."""
    drops = drops_by_port(host)
    return sum(drops.get(port, 0) for port in ports)

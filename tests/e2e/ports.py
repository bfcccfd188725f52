"""Ports: numbers that nobody uses, neither the machine nor another test run."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

LOW, HIGH = 61_000, 65_500
"""Above what the kernel takes for sockets without a number (32768-60999) and what servers take for sound by default."""


BLOCK = 900


class Ports:
    """Finds free UDP and TCP port numbers on loopback by binding them, in a block that no other test run uses."""

    def __init__(self) -> None:
        self._low, self._lock = _claim_block()
        self._next = self._low

    def close(self) -> None:
        """Leave the block to others."""
        self._lock.close()

    def take(self, count: int = 1) -> int:
        """The first of `count` neighbouring numbers, an even one, all free for UDP and TCP; lately freed ones last."""
        for _ in range(BLOCK):
            first = self._next + self._next % 2
            if first + count > self._low + BLOCK:
                first = self._low
            self._next = first + count
            if all(_is_free(number) for number in range(first, first + count)):
                return first
        raise AssertionError(f"no {count} free ports from {self._low} to {self._low + BLOCK}")


def _claim_block() -> tuple[int, IO[bytes]]:
    """The first number of a block, and the file whose lock keeps other runs out while it is open."""
    for low in range(LOW, HIGH, BLOCK):
        lock = (Path(tempfile.gettempdir()) / f"cordboard-test-ports-{low}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return low, lock
    raise AssertionError(f"{(HIGH - LOW) // BLOCK} test runs are under way; wait for one to end")


def _is_free(number: int) -> bool:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            try:
                with closing(socket.socket(family, kind)) as probe:
                    probe.bind((host, number))
            except OSError as error:
                # A machine without IPv6 has nobody there.
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    return False
    return True


def is_bound(port: int, protocol: str = "udp") -> bool:
    """Whether some socket of this machine has the port, from /proc/net; for `tcp` one that listens."""
    for table in (protocol, f"{protocol}6"):
        with open(f"/proc/net/{table}", encoding="ascii") as lines:
            next(lines)
            for line in lines:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and (protocol == "udp" or fields[3] == "0A"):
                    return True
    return False


def udp_hosts(pid: int) -> set[str]:
    """The local IPv4 addresses of a process's UDP sockets.

    The kernel lists the machine's sockets in pieces and may leave some out while others come and go: wait for what
    must be there.
    """
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(path).removeprefix("socket:[").removesuffix("]"))
    with open("/proc/net/udp", encoding="ascii") as lines:
        rows = [line.split() for line in lines][1:]
    # The kernel prints the address as a number in the byte order of the machine.
    found = {row[1].partition(":")[0] for row in rows if row[9] in inodes}
    return {socket.inet_ntoa(int(number, 16).to_bytes(4, sys.byteorder)) for number in found}

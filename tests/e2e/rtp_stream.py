"""A plain RTP stream: sends numbered packets every 20 ms and notes when which numbers arrive."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import Final, NamedTuple

from tests.e2e.wait import wait_until

PTIME_S: Final = 0.02
_HEADER: Final = struct.Struct(">BBHII")
_MARK: Final = struct.Struct(">II")


class Arrival(NamedTuple):
    """One packet: when it came (monotonic), from which stream, and its number there, out of the payload."""

    at: float
    stream: int
    number: int


class RtpStream:
    """One UDP socket with a thread that listens and, once told where to, sends.

    The payload carries the stream's id and the packet's number, which no relay changes.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(PTIME_S / 4)
        self.address: tuple[str, int] = self._socket.getsockname()
        self.id = self.address[1]
        self.sent = 0
        self._arrivals: list[Arrival] = []
        self.events: list[bytes] = []
        """Whole packets with four bytes of payload: telephone events."""
        self.to: tuple[str, int] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtp {self.id}", daemon=True)
        self._thread.start()

    def send_to(self, address: tuple[str, int]) -> None:
        """Begin to send, or go on to another address."""
        self.to = address

    def arrivals(self, stream: int, since: float = 0.0) -> list[Arrival]:
        """Packets of a stream that arrived at or after a moment."""
        return [one for one in list(self._arrivals) if one.stream == stream and one.at >= since]

    def longest_gap_s(self, stream: int, since: float) -> float:
        """The longest time without a packet of a stream, from a moment to the newest packet."""
        times = [since, *(one.at for one in self.arrivals(stream, since))]
        return max((later - earlier for earlier, later in pairwise(times)), default=float("inf"))

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if now >= due:
                due += PTIME_S
                self._send()
            with suppress(TimeoutError, ConnectionRefusedError):
                self._take(self._socket.recv(2048))

    def _send(self) -> None:
        if self.to is None:
            return
        number = self.sent
        self.sent += 1
        header = _HEADER.pack(0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, self.id)
        with suppress(ConnectionRefusedError):
            self._socket.sendto(header + _MARK.pack(self.id, number) + bytes(152), self.to)

    def _take(self, data: bytes) -> None:
        if len(data) == 172:
            self._arrivals.append(Arrival(time.monotonic(), *_MARK.unpack_from(data, 12)))
        elif len(data) == _HEADER.size + 4:
            self.events.append(data)


def wait_for_sound(to: RtpStream, stream: int, since: float = 0.0) -> None:
    """Wait until a second of another stream has arrived. Raises TooLate."""
    wait_until(lambda: len(to.arrivals(stream, since)) >= 50, 30, f"a second of stream {stream}")

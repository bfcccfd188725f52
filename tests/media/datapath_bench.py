"""A data path with ports on loopback, for the contract tests of both data paths."""

import mmap
import os
import socket
from collections.abc import Callable

from media.allocator import bind_udp
from media.datapath import COMPILED, Datapath, open_datapath
from media.datapath_twin import TwinDatapath
from media.event import PortEvent
from media.port_state import PortState
from media.rtp import RtpPacket
from tests.media.phone import Phone

SILENCE_S = 0.05
Address = tuple[str, int]


class Bench:
    """One data path with ports on loopback."""

    def __init__(self, make: Callable[..., Datapath], rtcp_interval_s: float = 60.0) -> None:
        self.memory = mmap.mmap(-1, 512 * 128)
        self.make = make
        self.rtcp_interval_s = rtcp_interval_s
        self.path = self.started()
        self.sockets: dict[int, tuple[socket.socket, socket.socket]] = {}
        self.seen: list[PortEvent] = []

    def started(self) -> Datapath:
        path = self.make(memory=self.memory, seed=7, silence_s=SILENCE_S, rtcp_interval_s=self.rtcp_interval_s)
        path.start()
        return path

    def port(self, port_id: int, host: str = "127.0.0.1") -> Address:
        rtp, rtcp = bind_udp(host, 0), bind_udp(host, 0)
        self.sockets[port_id] = (rtp, rtcp)
        self.give(port_id)
        return self.address(port_id)

    def give(self, port_id: int) -> None:
        rtp, rtcp = self.sockets[port_id]
        self.path.open(port_id, os.dup(rtp.fileno()), os.dup(rtcp.fileno()), port_id)

    def address(self, port_id: int) -> Address:
        host, port = self.sockets[port_id][0].getsockname()[:2]
        return host, port

    def control_address(self, port_id: int) -> Address:
        host, port = self.sockets[port_id][1].getsockname()[:2]
        return host, port

    def events(self) -> list[PortEvent]:
        self.seen += self.path.events()
        return self.seen

    def pair(self, one: Phone, two: Phone) -> tuple[Address, Address]:
        """Ports 1 and 2 relay to each other, for these phones."""
        left, right = self.port(1), self.port(2)
        self.path.put(1, 1, PortState(remote_rtp=one.address, relay_to=2, cname="left@test"))
        self.path.put(2, 1, PortState(remote_rtp=two.address, relay_to=1, cname="right@test"))
        return left, right

    def close(self) -> None:
        self.path.stop()
        for pair in self.sockets.values():
            for sock in pair:
                sock.close()


def makers() -> list[Callable[..., Datapath]]:
    return [TwinDatapath, open_datapath] if COMPILED else [TwinDatapath]


def name_of(make: Callable[..., Datapath]) -> str:
    return make.__name__


def follows(later: RtpPacket, earlier: RtpPacket, steps: int = 1) -> bool:
    """Say whether a packet continues the same outgoing stream."""
    ahead = (later.timestamp - earlier.timestamp) & 0xFFFFFFFF
    return (
        later.ssrc == earlier.ssrc and (later.sequence - earlier.sequence) & 0xFFFF == steps and 0 < ahead < 8000 * 20
    )

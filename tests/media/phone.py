"""A bare RTP far end for tests: one loopback socket that sends and receives until a deadline."""

import socket
import time
from collections.abc import Callable

from media.rtp import RtpPacket, build_rtp, parse_rtp


class Phone:
    """An RTP and an RTCP socket on neighbouring loopback ports are not needed: both are plain UDP sockets."""

    def __init__(self, ssrc: int = 0x1234, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.rtp = socket.socket(family, socket.SOCK_DGRAM)
        self.rtp.bind((host, 0))
        self.rtcp = socket.socket(family, socket.SOCK_DGRAM)
        self.rtcp.bind((host, 0))
        self.ssrc = ssrc
        self.sequence = 65530
        self.timestamp = 4294967000

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.rtp.getsockname()[:2]
        return host, port

    @property
    def control_address(self) -> tuple[str, int]:
        host, port = self.rtcp.getsockname()[:2]
        return host, port

    def send(self, to: tuple[str, int], payload: bytes = b"\x55" * 160, payload_type: int = 0) -> RtpPacket:
        """Send the next packet of this phone's stream."""
        packet = RtpPacket(
            payload_type=payload_type,
            sequence=self.sequence,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            payload=payload,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF
        self.rtp.sendto(build_rtp(packet), to)
        return packet

    def hear(self, timeout_s: float = 2.0) -> RtpPacket:
        """Give the next packet that arrives. Raises TimeoutError."""
        self.rtp.settimeout(timeout_s)
        return parse_rtp(self.rtp.recv(4096))

    def hears_nothing(self) -> bool:
        """Say whether nothing waits in the socket (ask after something else has proved that time passed)."""
        self.rtp.setblocking(False)
        try:
            self.rtp.recv(4096)
        except BlockingIOError:
            return True
        return False

    def drain(self) -> list[RtpPacket]:
        """Give all packets that wait."""
        self.rtp.setblocking(False)
        heard = []
        while True:
            try:
                heard.append(parse_rtp(self.rtp.recv(4096)))
            except BlockingIOError:
                return heard

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


Phones = Callable[[int], Phone]


def until(condition: Callable[[], object], timeout_s: float = 3.0) -> None:
    """Poll a condition until it holds; fails at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.001)

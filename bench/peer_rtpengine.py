"""rtpengine as a peer: its userspace relay, driven by its NG control protocol (bencode over UDP)."""

from __future__ import annotations

import socket
from pathlib import Path

from bench.bencode import Value, decode, encode
from bench.contender import Contender
from bench.program import Program, StepFailed
from bench.rtp_generator import CallEnds, far_end
from bench.sip_text import Address, media_address, sdp
from bench.udp_port import HOST, RTP_PORTS, free_port, is_bound, own_host

TRIES = 3
_NAMES = {"pcmu": "PCMU", "pcma": "PCMA", "opus": "opus/48000/2"}


class RtpEngine(Contender):
    """`rtpengine` without its kernel module, its log at errors only; else its defaults."""

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it listens. Raises StepFailed."""
        self._port = free_port()
        self.media_host = own_host()
        self.ends: list[CallEnds] = []
        self._cookie = 0
        self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._control.settimeout(2.0)
        self._control.connect((HOST, self._port))
        program = Program(
            "rtpengine",
            [
                "rtpengine", f"--interface={self.media_host}", f"--listen-ng={HOST}:{self._port}", "--table=-1",
                "--foreground", "--log-stderr", "--log-level=3",
                f"--port-min={RTP_PORTS[0]}", f"--port-max={RTP_PORTS[-1]}",
            ],
            folder,
        )  # fmt: skip
        super().__init__(program, lambda: is_bound(self._port), 15.0, f"rtpengine listens on port {self._port}")

    def close(self) -> None:
        """Close our ends of its calls, then end it."""
        self._control.close()
        for end in self.ends:
            end.left.close()
            end.right.close()
        self.program.end(5.0)

    def set_up(self, calls: int, left_codec: str = "pcmu", right_codec: str = "pcmu") -> None:
        """Make calls between two sockets each, transcoded where their codecs differ. Raises StepFailed."""
        change: Value = {"strip": ["all"], "transcode": [_NAMES[right_codec]]} if left_codec != right_codec else {}
        for number in range(calls):
            left, right = far_end(), far_end()
            to_right = self._describe("offer", number, left, left_codec, change)
            to_left = self._describe("answer", number, right, right_codec, {})
            self.ends.append(CallEnds(left=left, right=right, to_left=to_left, to_right=to_right))

    def _describe(self, command: str, number: int, end: socket.socket, codec: str, change: Value) -> Address:
        """Tell where an end listens; gives where the other end shall send to."""
        message: dict[str, Value] = {
            "command": command,
            "call-id": f"bench-{number}",
            "from-tag": "a",
            "sdp": sdp(HOST, end.getsockname()[1], codec),
            "ICE": "remove",
            "replace": ["origin"],
        }
        if change:
            message["codec"] = change
        if command == "answer":
            message["to-tag"] = "b"
        answer = self._ask(message)
        text = answer.get("sdp")
        if answer.get("result") != "ok" or not isinstance(text, str):
            raise StepFailed(f"rtpengine refuses an {command}: {answer}")
        return media_address(text)

    def _ask(self, message: dict[str, Value]) -> dict[str, Value]:
        self._cookie += 1
        cookie = b"c%d" % self._cookie
        for _ in range(TRIES):
            try:
                self._control.send(cookie + b" " + encode(message))
                while True:
                    own, _, body = self._control.recv(65535).partition(b" ")
                    if own == cookie:
                        answer = decode(body)
                        if isinstance(answer, dict):
                            return answer
            except (TimeoutError, ConnectionRefusedError):
                self.program.check_alive()
        raise StepFailed(f"rtpengine does not answer {message['command']!r}")

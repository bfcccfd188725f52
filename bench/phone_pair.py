"""Phone pair: the calling and the called trunk of a benchmark in one thread, every call timed by the kernel."""

from __future__ import annotations

import heapq
import selectors
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bench.program import StepFailed
from bench.rtp_generator import CallEnds, far_end
from bench.sip_text import Address, Received, media_address, read, request, response, sdp
from bench.udp_port import HOST, drops_at

SO_TIMESTAMPNS = 35
BUFFER_BYTES = 4_000_000
CALLER_BASE = 5_550_000
"""Call n has the caller's number CALLER_BASE + n: so the called side knows which call arrives."""
NOWHERE: Address = (HOST, 9)


@dataclass(slots=True, kw_only=True)
class PairCall:
    """One call as both ends saw it; times in ns since the epoch, 0 for not yet."""

    number: int
    left: socket.socket | None
    right: socket.socket | None
    to_left: Address = NOWHERE
    to_right: Address = NOWHERE
    remote_uri: str = ""
    to: str = ""
    invite_sent_ns: int = 0
    invite_arrived_ns: int = 0
    ringing_sent_ns: int = 0
    ringing_arrived_ns: int = 0
    talk_s: float | None = None
    answered: bool = False
    ended: bool = False
    refused: int = 0

    @property
    def ringing_delay_ms(self) -> float:
        """INVITE to first 18x as the caller saw it, without what the called phone itself took."""
        phone_ns = self.ringing_sent_ns - self.invite_arrived_ns
        return (self.ringing_arrived_ns - self.invite_sent_ns - phone_ns) / 1e6

    @property
    def callee_delay_ms(self) -> float:
        """What the called phone took from the arrival of the INVITE to its 180."""
        return (self.ringing_sent_ns - self.invite_arrived_ns) / 1e6


class PhonePair:
    """Calls through a server from one UDP port to another. It resends nothing: what is lost fails the call."""

    def __init__(self, server: Address, load_in: int, load_out: int, number: str = "9001", media: bool = False) -> None:
        """`media`: each call gets two sockets of its own, else all calls name the same unused port."""
        self.calls: list[PairCall] = []
        self._server, self._number, self._media = server, number, media
        self._caller, self._callee = _socket(load_in), _socket(load_out)
        self._own: Address = (HOST, load_in)
        self._callee_own: Address = (HOST, load_out)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._caller, selectors.EVENT_READ, self._at_caller)
        self._selector.register(self._callee, selectors.EVENT_READ, self._at_callee)
        self._due: list[tuple[float, int, Callable[[PairCall], None], PairCall]] = []
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        for one in (self._caller, self._callee, *(end for call in self.calls for end in (call.left, call.right))):
            if one is not None:
                one.close()

    # -- what a benchmark asks for

    def set_up(self, count: int, rate: float, talk_s: float | None, timeout_s: float = 10.0) -> list[PairCall]:
        """Make `count` calls at `rate` a second; `talk_s` None holds them. Raises StepFailed if calls are missing."""
        first, begin = len(self.calls), time.monotonic()
        for turn in range(count):
            ends = (far_end(), far_end()) if self._media else (None, None)
            call = PairCall(number=CALLER_BASE + len(self.calls), left=ends[0], right=ends[1], talk_s=talk_s)
            self.calls.append(call)
            self._at(begin + turn / rate, self._invite, call)
        made = self.calls[first:]
        self._serve(begin + count / rate + (talk_s or 0.0) + timeout_s, made, held=talk_s is None)
        return made

    def hang_up(self, rate: float, timeout_s: float = 10.0) -> None:
        """End all held calls. Raises StepFailed if the server does not answer every BYE."""
        begin = time.monotonic()
        held = [call for call in self.calls if call.answered and not call.ended]
        for turn, call in enumerate(held):
            self._at(begin + turn / rate, self._bye, call)
        self._serve(begin + len(held) / rate + timeout_s, held, held=False)

    def hold(self, seconds: float) -> None:
        """Answer what the server asks meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._step(end)

    def ends(self) -> list[CallEnds]:
        """The media sockets of all calls, for the RTP generator."""
        return [
            CallEnds(left=call.left, right=call.right, to_left=call.to_left, to_right=call.to_right)
            for call in self.calls
            if call.left is not None and call.right is not None
        ]

    # -- the loop

    def _at(self, when: float, action: Callable[[PairCall], None], call: PairCall) -> None:
        self._turn += 1
        heapq.heappush(self._due, (when, self._turn, action, call))

    def _serve(self, deadline: float, calls: list[PairCall], held: bool) -> None:
        while True:
            now = time.monotonic()
            if not self._due and all(call.answered if held else call.ended for call in calls):
                return
            if now >= deadline:
                break
            self._step(min(deadline, now + 0.1))
        late = [call for call in calls if not (call.answered if held else call.ended)]
        refused = sorted({call.refused for call in late if call.refused})
        raise StepFailed(
            f"{len(late)} of {len(calls)} calls did not come through: "
            f"{sum(not call.invite_arrived_ns for call in late)} never reached the called phone, "
            f"{sum(not call.answered for call in late)} were not answered; refused with {refused}; the kernel dropped "
            f"{drops_at(HOST, (self._server[1],))} messages at the server, "
            f"{drops_at(HOST, (self._own[1], self._callee_own[1]))} at these phones"
        )

    def _step(self, until: float) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, action, call = heapq.heappop(self._due)
            action(call)
        wait_s = (min(until, self._due[0][0]) if self._due else until) - time.monotonic()
        for key, _ in self._selector.select(max(0.0, wait_s)):
            key.data()

    # -- the caller

    def _invite(self, call: PairCall) -> None:
        uri = f"sip:{self._number}@{self._server[0]}:{self._server[1]}"
        media_port = call.left.getsockname()[1] if call.left is not None else NOWHERE[1]
        packet = request(
            "INVITE", uri, self._own, branch=f"z9hG4bKi{call.number}", from_=self._from(call), to=f"<{uri}>",
            call_id=f"pair-{call.number}", cseq=1, body=sdp(HOST, media_port),
        )  # fmt: skip
        call.invite_sent_ns = time.time_ns()
        self._caller.sendto(packet, self._server)

    def _bye(self, call: PairCall) -> None:
        if call.answered and not call.ended:
            self._in_dialog("BYE", call, 2)

    def _in_dialog(self, method: str, call: PairCall, cseq: int) -> None:
        packet = request(
            method, call.remote_uri, self._own, branch=f"z9hG4bK{method[0].lower()}{call.number}",
            from_=self._from(call), to=call.to, call_id=f"pair-{call.number}", cseq=cseq,
        )  # fmt: skip
        self._caller.sendto(packet, self._server)

    def _from(self, call: PairCall) -> str:
        return f"<sip:{call.number}@{HOST}:{self._own[1]}>;tag=c{call.number}"

    def _at_caller(self) -> None:
        for arrived_ns, source, message in _packets(self._caller):
            if not message.status:
                self._other_request(self._caller, self._own, source, message)
                continue
            call = self.calls[int(message.header("call-id").rpartition("-")[2]) - CALLER_BASE]
            if message.method == "BYE":
                call.ended = call.ended or message.status == 200
            elif message.method == "INVITE":
                self._invite_answered(call, message, arrived_ns)

    def _invite_answered(self, call: PairCall, message: Received, arrived_ns: int) -> None:
        if 180 <= message.status < 190 and not call.ringing_arrived_ns:
            call.ringing_arrived_ns = arrived_ns
        elif 200 <= message.status < 300:
            call.remote_uri, call.to = message.contact_uri(), message.header("to")
            call.to_left = media_address(message.body)
            self._in_dialog("ACK", call, 1)
            if not call.answered and call.talk_s is not None:
                self._at(time.monotonic() + call.talk_s, self._bye, call)
            call.answered = True
        elif message.status >= 300:
            call.refused = message.status

    # -- the called

    def _at_callee(self) -> None:
        for arrived_ns, source, message in _packets(self._callee):
            if message.status or message.method == "ACK":
                continue
            if message.method != "INVITE" or ";tag=" in message.header("to"):
                self._other_request(self._callee, self._callee_own, source, message)
                continue
            user = message.header("from").partition("sip:")[2].partition("@")[0]
            self._ring_and_answer(self.calls[int(user[-7:]) - CALLER_BASE], arrived_ns, source, message)

    def _ring_and_answer(self, call: PairCall, arrived_ns: int, source: Address, message: Received) -> None:
        tag = f"s{call.number}"
        ringing = response(message, "180 Ringing", self._callee_own, tag)
        sent_ns = time.time_ns()
        self._callee.sendto(ringing, source)
        if not call.invite_arrived_ns:
            call.invite_arrived_ns, call.ringing_sent_ns = arrived_ns, sent_ns
            call.to_right = media_address(message.body)
        media_port = call.right.getsockname()[1] if call.right is not None else NOWHERE[1]
        self._callee.sendto(response(message, "200 OK", self._callee_own, tag, sdp(HOST, media_port)), source)

    def _other_request(self, own: socket.socket, address: Address, source: Address, message: Received) -> None:
        """BYE, OPTIONS and what else the server may ask."""
        if message.method != "ACK":
            own.sendto(response(message, "200 OK", address, "o"), source)


def _socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    bound.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    bound.bind((HOST, port))
    return bound


def _packets(own: socket.socket) -> list[tuple[int, Address, Received]]:
    """What waits at the socket, with the kernel's time of arrival."""
    found: list[tuple[int, Address, Received]] = []
    with suppress(BlockingIOError):
        while True:
            packet, control, _, source = own.recvmsg(65535, 128)
            arrived_ns = time.time_ns()
            for level, kind, data in control:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("=qq", data[:16])
                    arrived_ns = seconds * 1_000_000_000 + nanoseconds
            if packet.strip():
                found.append((arrived_ns, source, read(packet)))
    return found

"""Reliable provisional responses (RFC 3262): ours go out one at a time, each again until its PRACK comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

from sip.awaited import Pending, Reliable
from sip.commands import SDP, Respond
from sip.core import Core
from sip.dialog import Dialog
from sip.errors import MalformedHeader
from sip.events import PrackMissing
from sip.flow import Flow
from sip.message import Request, Response
from sip.usage import InviteUsage

TAG = "100rel"


class ReliableResponses:
    """The answering side: numbers, repeats and holds back. `refuse` ends an INVITE whose PRACK never comes."""

    def __init__(self, core: Core, refuse: Callable[[InviteUsage, int, float], None]) -> None:
        self._core = core
        self._refuse = refuse

    def begin(self, usage: InviteUsage, request: Request) -> None:
        """Note what a new INVITE says about reliability."""
        if TAG in self._core.settings.supported and request.supports(TAG):
            # RFC 3262 §3: the first number is between 1 and 2**31 - 1.
            usage.reliable = Reliable(
                always=TAG in request.require, rseq=(crc32(self._core.token().encode()) & 0x3FFFFFFF) | 1
            )

    def holds_back(self, usage: InviteUsage, command: Respond) -> bool:
        """Whether an answer has to wait; it is kept then, and sent when the PRACK has come."""
        reliable = usage.reliable
        if reliable is None:
            return False
        if command.status >= 300 or (command.status >= 200 and reliable.pending and not reliable.pending.has_sdp):
            reliable.waiting.clear()
            if reliable.pending is not None:
                reliable.overtaken = reliable.pending.rseq
            reliable.stop()
            return False
        if reliable.pending is None:
            return False
        # RFC 3262 §3: one at a time; and no 2xx while a description of ours is not acknowledged.
        reliable.waiting.append(command)
        return True

    def number(self, usage: InviteUsage, command: Respond) -> Respond:
        """The command with what makes it reliable, where it is to be."""
        reliable = usage.reliable
        if reliable is None or not 100 < command.status < 200 or not (reliable.always or _has_sdp(command)):
            return command
        reliable.rseq += 1
        return replace(command, headers=(*command.headers, ("require", TAG), ("rseq", str(reliable.rseq))))

    def sent(self, usage: InviteUsage, command: Respond, message: bytes, flow: Flow, now: float) -> None:
        """A response that `number` made reliable went out: it is sent again until its PRACK comes."""
        reliable = usage.reliable
        assert reliable is not None
        timing = self._core.timing
        pending = reliable.pending = Pending(
            message=message,
            flow=flow,
            rseq=reliable.rseq,
            has_sdp=_has_sdp(command),
            interval_s=timing.t1_s,
            deadline=now + timing.transaction_s,
        )
        pending.timer = self._core.timers.after(timing.t1_s, now, self._again, usage)

    def acknowledged(self, usage: InviteUsage, prack: Request) -> bool:
        """Whether a PRACK meets the response that waits for it. Raises MalformedHeader without a usable RAck."""
        rack = prack.rack
        if rack is None:
            raise MalformedHeader("a PRACK needs a RAck", "RAck")
        reliable = usage.reliable
        if reliable is None or rack.method != "INVITE" or rack.cseq_number != usage.request.cseq.number:
            return False
        due = reliable.overtaken if reliable.pending is None else reliable.pending.rseq
        if rack.response_number != due:
            return False
        reliable.overtaken = None
        reliable.stop()
        return True

    def _again(self, usage: InviteUsage, now: float) -> None:
        reliable = usage.reliable
        pending = reliable.pending if reliable is not None else None
        if reliable is None or pending is None:
            return
        if now >= pending.deadline:
            # RFC 3262 §3: the INVITE is refused with a 5xx.
            reliable.waiting.clear()
            reliable.stop()
            self._core.events.append(PrackMissing(usage.ident))
            self._refuse(usage, 504, now)
            return
        self._core.transmit(pending.flow, pending.message)
        pending.interval_s *= 2
        delay_s = min(pending.interval_s, pending.deadline - now)
        pending.timer = self._core.timers.after(delay_s, now, self._again, usage)


def _has_sdp(command: Respond) -> bool:
    return bool(command.body) and command.content_type == SDP


def reliable_number(response: Response) -> int | None:
    """The number of a provisional response that wants a PRACK (RFC 3262 §4), None for any other."""
    if "rseq" not in response.headers:
        return None
    try:
        return response.rseq if TAG in response.require else None
    except MalformedHeader:
        return None


def is_next(dialog: Dialog, rseq: int) -> bool:
    """Whether a reliable response is the next in order; others are dropped (RFC 3262 §4)."""
    last = dialog.remote_rseq
    if last is not None and rseq != last + 1:
        return False
    dialog.remote_rseq = rseq
    return True

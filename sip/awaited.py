"""Awaited: answers of ours that are sent again until the far end acknowledges them, by ACK or by PRACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sip.commands import Respond
    from sip.flow import Flow
    from sip.timers import Timer


class Accepted:
    """A 2xx of ours that is sent again until its ACK comes (RFC 3261 §13.3.1.4)."""

    __slots__ = ("cseq", "deadline", "flow", "interval_s", "message", "timer")

    def __init__(self, *, message: bytes, flow: Flow, cseq: int, interval_s: float, deadline: float) -> None:
        self.message = message
        self.flow = flow
        self.cseq = cseq
        self.interval_s = interval_s
        self.deadline = deadline
        self.timer: Timer | None = None


class Pending:
    """A reliable response that awaits its PRACK."""

    __slots__ = ("deadline", "flow", "has_sdp", "interval_s", "message", "rseq", "timer")

    def __init__(
        self, *, message: bytes, flow: Flow, rseq: int, has_sdp: bool, interval_s: float, deadline: float
    ) -> None:
        self.message = message
        self.flow = flow
        self.rseq = rseq
        self.has_sdp = has_sdp
        self.interval_s = interval_s
        self.deadline = deadline
        self.timer: Timer | None = None


class Reliable:
    """What an INVITE of the far end's allows or demands, and how far we are with it."""

    __slots__ = ("always", "overtaken", "pending", "rseq", "waiting")

    def __init__(self, *, always: bool, rseq: int) -> None:
        self.always = always
        """The far end requires it of every provisional response, not of those alone that matter."""
        self.rseq = rseq
        self.pending: Pending | None = None
        self.overtaken: int | None = None
        """The number of a response that the final one did not wait for; its PRACK may still come (RFC 3262 §3)."""
        self.waiting: list[Respond] = []
        """Answers of the user's that must not go out before the PRACK."""

    def stop(self) -> None:
        """Send nothing again."""
        if self.pending is not None and self.pending.timer is not None:
            self.pending.timer.cancel()
        self.pending = None

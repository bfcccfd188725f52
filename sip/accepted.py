"""Accepted answers: a 2xx of ours to an INVITE, sent again until its ACK comes (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from sip.awaited import Accepted
from sip.body import UnsupportedBody, session_description
from sip.commands import Bye
from sip.core import Core
from sip.events import AckMissing, AckReceived
from sip.flow import Flow
from sip.message import Request
from sip.offer_answer import Carrier
from sip.usage import InviteUsage


class AcceptedAnswers:
    """Keeps every 2xx until it is acknowledged; `bye` sends a hang-up that had to wait for that (RFC 3261 §15)."""

    def __init__(self, core: Core, bye: Callable[[Bye, float], None]) -> None:
        self._core = core
        self._bye = bye

    def keep(self, usage: InviteUsage, message: bytes, flow: Flow, cseq: int, now: float) -> None:
        """A 2xx went out."""
        timing = self._core.timing
        if usage.accepted is not None and usage.accepted.timer is not None:
            # A re-INVITE overtook the ACK of the 2xx before it.
            usage.accepted.timer.cancel()
        accepted = Accepted(
            message=message, flow=flow, cseq=cseq, interval_s=timing.t1_s, deadline=now + timing.transaction_s
        )
        accepted.timer = self._core.timers.after(timing.t1_s, now, self._again, usage)
        usage.accepted = accepted

    def acknowledge(self, ack: Request, now: float) -> None:
        """An ACK outside its INVITE's transaction: it confirms a 2xx (RFC 3261 §13.3.1.4)."""
        found = self._core.dialogs.get((ack.call_id, ack.to_tag or "", ack.from_tag or ""))
        if found is None:
            return
        dialog, usage = found
        accepted = usage.accepted
        if accepted is None or accepted.cseq != ack.cseq.number:
            return
        if accepted.timer is not None:
            accepted.timer.cancel()
        usage.accepted = None
        try:
            sdp = session_description(ack)
        except UnsupportedBody:
            sdp = b""
        role = dialog.exchange.receive(Carrier.ACK, bool(sdp))
        self._core.events.append(AckReceived(usage.ident, sdp, role))
        if usage.bye_wait is not None:
            self._bye(usage.bye_wait, now)

    def _again(self, usage: InviteUsage, now: float) -> None:
        accepted = usage.accepted
        if accepted is None:
            return
        if now >= accepted.deadline:
            usage.accepted = None
            if usage.bye_wait is not None:
                self._bye(usage.bye_wait, now)
            else:
                self._core.events.append(AckMissing(usage.ident))
            return
        self._core.layer.resent += 1
        self._core.transmit(accepted.flow, accepted.message)
        accepted.interval_s = min(2 * accepted.interval_s, self._core.timing.t2_s)
        delay_s = min(accepted.interval_s, accepted.deadline - now)
        accepted.timer = self._core.timers.after(delay_s, now, self._again, usage)

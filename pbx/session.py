"""Session: the one task that owns a call and its legs; everybody else posts to its inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from pbx import negotiation
from pbx.call import Call
from pbx.events import CallEnded, Checkpoint, LegEnded
from pbx.inbox import (
    DigitPressed,
    Errand,
    HangUpOrder,
    Inbox,
    LegOffered,
    MediaSignal,
    Nudge,
    RecordingOrder,
    Signal,
    SipSignal,
)
from pbx.ledger import Ledger
from pbx.leg import Leg, LegGone, LegState
from pbx.leg_end import LegEnd, reason_header
from pbx.reasons import REASONS, Party, Reason, result_of
from pbx.recorder import Recorder, obey
from sip.commands import Bye, Cancel, Respond, SendInDialog
from sip.errors import SipError
from sip.events import RequestFailed, ResponseReceived

if TYPE_CHECKING:
    from pbx.node import Node
    from pbx.supervision import Supervision
    from pbx.tenant import TenantView

Reply = Callable[[ResponseReceived | RequestFailed], None]
"""Takes the final answer to a request of ours within a dialog."""


Arrival = SipSignal | MediaSignal | DigitPressed | Nudge
"""What a verb may have to look at."""


T = TypeVar("T")


class CallOver(Exception):
    """The call is to end now, for this reason: raised by verbs, caught by the session."""

    def __init__(self, end: LegEnd) -> None:
        super().__init__(end.reason.value)
        self.end = end


class PlanRunner(Protocol):
    """Runs the plan of a call; the dialplan provides it."""

    async def run(self, session: Session) -> None:
        """Route the session's call and carry out its steps.

        Returns or raises LegGone when the call has run its course, raises CallOver to end it for a reason.
        """
        ...


Attend = Callable[["Session", Leg, SipSignal | MediaSignal], bool]
"""Deals with a signal that may come at any time; True where no verb needs to look at it (`pbx.background.attend`)."""


class Session:
    """Runs one call. `run` is the whole life of it; `release` is synchronous and always happens."""

    def __init__(self, node: Node, call: Call, tenant: TenantView, runner: PlanRunner, attend: Attend) -> None:
        self.node = node
        self._runner = runner
        self._attend = attend
        self.call = call
        self.tenant = tenant
        """The configuration that the call began with; changes do not touch it."""
        self._loop = asyncio.get_running_loop()
        self.inbox: Inbox[Signal] = Inbox(self._loop)
        self.ledger = Ledger()
        self.ports = 0
        self._replies: dict[int, tuple[Leg, Reply]] = {}
        self._alarms: list[tuple[float, Callable[[], None]]] = []
        self._bell: asyncio.TimerHandle | None = None
        self._occupied = 0
        self.end: LegEnd | None = None
        self.recorder: Recorder | None = None
        """Made for the first recording."""
        self.supervision: Supervision | None = None
        """While somebody hears the call, or is rung to hear it."""

    # -- what arrives

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """The log, with the call's id and its tenant in each line."""
        log: structlog.typing.FilteringBoundLogger = self.node.log.bind(call=self.call.id, tenant=self.call.tenant)
        return log

    def post(self, signal: Signal) -> None:
        self.inbox.post(signal)

    async def next(self, deadline: float | None = None) -> Arrival | None:
        """The next signal that a verb has to look at, None at the deadline.

        What needs no verb (re-INVITE, INFO, a late answer) is done on the way. A leg that went down is told by the
        event that brought it down, after its `end` was set. Raises CallOver when somebody hangs the call up.
        """
        while True:
            if self._alarms:
                self._ring()
            signal = await self.inbox.get(deadline)
            if signal is None:
                if deadline is not None and self.node.clock.now() >= deadline:
                    return None
                continue  # The bell.
            match signal:
                case HangUpOrder(reason):
                    raise CallOver(LegEnd(reason=Reason(reason), party=Party.SYSTEM))
                case LegOffered():
                    self.adopt(signal)
                case Errand(act):
                    act()
                case RecordingOrder():
                    obey(self, signal)
                case SipSignal() | MediaSignal() | DigitPressed() | Nudge():
                    leg = signal.leg
                    if leg.owner is not self or leg.generation != signal.generation or leg.down:
                        continue
                    if isinstance(signal, DigitPressed | Nudge) or not self._attend(self, leg, signal):
                        if self.supervision is not None and self.supervision.take(signal):
                            continue
                        return signal

    async def outcome_of(self, leg: Leg, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something that is done outside the call, while that goes on.

        Raises what the work raises, LegGone when the leg leaves before; the work is cancelled then.
        """
        task = self._loop.create_task(work)
        task.add_done_callback(lambda _: self.post(Nudge(leg, leg.generation)))
        try:
            while not task.done():
                await self.next()
                self.need(leg)
            return task.result()
        finally:
            task.cancel()

    def ask(self, leg: Leg, command: SendInDialog, then: Reply) -> None:
        """Send a request within a leg's dialog; `then` gets the final answer, or the lack of one.

        It is not called when the leg goes down before. Raises LocalError where SIP does not allow the request now.
        """
        tx = self.node.ask(leg, command)
        self._replies[tx] = (leg, then)

    def take_reply(self, event: ResponseReceived | RequestFailed) -> None:
        """The answer to a request of `ask`."""
        if isinstance(event, ResponseReceived) and event.response.status < 200:
            return
        leg, then = self._replies.pop(event.tx, (None, None))
        if leg is not None and then is not None and not leg.down:
            then(event)

    def alarm(self, after_s: float, call: Callable[[], None]) -> None:
        """Call something later, between two signals, while the call lives. It may raise CallOver."""
        when = self.node.clock.now() + after_s
        alarms = self._alarms
        alarms.append((when, call))
        if len(alarms) > 1:
            alarms.sort(key=lambda alarm: alarm[0])
        if alarms[0][0] == when:
            self._set_bell()

    def _set_bell(self) -> None:
        """One timer for the first alarm, however often the call waits for something until then."""
        if self._bell is not None:
            self._bell.cancel()
        # uvloop counts whole milliseconds: the bell shall not be early.
        self._bell = self._loop.call_at(self._alarms[0][0] + 0.001, self.inbox.wake) if self._alarms else None

    def _ring(self) -> None:
        """Call what is due."""
        alarms, now = self._alarms, self.node.clock.now()
        if alarms[0][0] > now:
            return
        while alarms and alarms[0][0] <= now:
            alarms.pop(0)[1]()
        self._set_bell()

    # -- legs

    def add_leg(self, leg: Leg) -> None:
        self.call.legs.append(leg)
        self.node.own(leg, self.call.depth + 1)
        self.ledger.hold(leg.id, lambda: self._drop(leg))

    def adopt(self, offer: LegOffered) -> None:
        """Become the owner of a leg that another session gave up with `give_away`."""
        leg = offer.leg
        if leg.down or leg.generation != offer.generation:
            return
        leg.owner = self
        self.add_leg(leg)

    def give_away(self, leg: Leg, to: Session) -> None:
        """Offer a leg to another session: signals of the old generation die, the new owner takes it from its inbox."""
        self.ledger.forget(leg.id)
        self.call.legs.remove(leg)
        leg.generation += 1
        leg.owner = to
        to.post(LegOffered(leg, leg.generation))

    def open_port(self, leg: Leg, near: Leg | None = None) -> None:
        """Give a leg its media port. Raises NoPortsLeft."""
        if leg.port is None:
            leg.port = self.node.open_port(leg, near)
            self.ports += 1

    def drop_port(self, leg: Leg) -> None:
        """Give back the port of a leg that never came to be."""
        if leg.port is not None:
            self.node.media.release(leg.port.id)
            leg.port = None

    def connect(self, leg: Leg) -> None:
        """Put the state of a leg's port, and of its peer's, as they follow from who hears whom."""
        watch = self.node.media_watch
        for one in (leg,) if leg.peer is leg else (leg, leg.peer):
            if one is not None and one.port is not None and one.agreement is not None:
                if self.recorder is not None:
                    self.recorder.follow(one)
                one.port_revision = self.node.media.put(one.port.id, negotiation.port_state(one, watch.silence_ms(one)))

    def occupy(self, key: tuple[str, ...], limit: int | None) -> bool:
        """Count the call on something that holds `limit` calls at the most; False where there is no room."""
        occupancy = self.node.occupancy
        if not occupancy.has_room(key, limit):
            return False
        occupancy.take(key)
        self._occupied += 1
        self.ledger.hold((self._occupied, key), lambda: occupancy.free(key))
        return True

    def join(self, a: Leg, b: Leg) -> None:
        """Let two legs hear each other; whom they heard before, they hear no more."""
        for leg in (a, b):
            if leg.peer is not None and leg.peer not in (a, b):
                leg.peer.peer = None
        a.peer, b.peer = b, a
        self.connect(a)

    def leg_down(self, leg: Leg, end: LegEnd) -> None:
        """A leg has ended: free its port, write it down. The SIP side is over already."""
        if leg.down:
            return
        leg.state = LegState.DOWN
        leg.end = end
        leg.on_answer.clear()
        self.ledger.forget(leg.id)
        self.node.disown(leg)
        if leg.port is not None:
            self.node.media.release(leg.port.id)
        if leg.peer is not None:
            leg.peer.peer = None
            leg.peer = None
        self.node.journal.emit(
            LegEnded(
                call=self.call.id,
                leg=leg.id,
                reason=end.reason,
                sip_code=end.status,
                sip_text=end.text,
                q850=end.q850,
                party=end.party,
            )
        )

    def hang_up(self, leg: Leg, end: LegEnd) -> None:
        """End a leg from our side, in the way its state asks for."""
        if leg.down:
            return
        if leg.state in (LegState.UP, LegState.HELD):
            self.node.send(Bye(usage=leg.usage, headers=(reason_header(end),)))
        elif leg.inbound:
            status = end.status if end.status is not None and end.status >= 300 else REASONS[end.reason].sip_status
            self.node.send(Respond(usage=leg.usage, status=status or 480, headers=(reason_header(end),)))
        else:
            elsewhere = end.reason is Reason.PICKED_UP
            # RFC 3326: a phone that lost to another must not count a missed call.
            cause = ("reason", 'SIP;cause=200;text="Call completed elsewhere"') if elsewhere else reason_header(end)
            self.node.send(Cancel(usage=leg.usage, headers=(cause,)))
        self.leg_down(leg, end)

    def need(self, *legs: Leg) -> None:
        """Raise LegGone where one of the legs is down."""
        for leg in legs:
            if leg.down:
                raise LegGone(leg)

    def checkpoint(self, step: str, **state: object) -> None:
        """Write the call's resumable state to the spool: before each wait that can last over a second."""
        legs = [
            {
                "id": leg.id,
                "kind": leg.kind,
                "state": leg.state.name,
                "port": None if leg.port is None else [leg.port.id, leg.port.rtp_port],
                "sdp": [leg.sdp_id, leg.sdp_version],
                "dialog": self.node.stack.dialog_state(leg.usage),
            }
            for leg in self.call.active_legs
        ]
        self.node.journal.emit(
            Checkpoint(
                call=self.call.id,
                state={"tenant": self.call.tenant, "version": self.tenant.version, "step": step, "legs": legs, **state},
            )
        )

    # -- life

    async def run(self) -> None:
        """The call, top to bottom: the plan runs, whatever ends it is written down, everything is given back."""
        caller = self.call.legs[0]
        try:
            await self._runner.run(self)
            end = caller.end or LegEnd(reason=Reason.NORMAL, party=Party.SYSTEM)
        except LegGone as gone:
            end = gone.leg.end or LegEnd(reason=Reason.UNKNOWN, party=None)
        except CallOver as over:
            end = over.end
        except asyncio.CancelledError:
            end = LegEnd(reason=Reason.SUPERVISOR_RELEASE, party=Party.SYSTEM)
        except Exception:
            # A fault of ours ends this call and no other.
            self.log.exception("call failed")
            end = LegEnd(reason=Reason.SYSTEM_ERROR, party=Party.SYSTEM)
        self.end = end
        self.release()

    def refuse(self, end: LegEnd, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """End the call before its task has begun."""
        caller = self.call.legs[0]
        self.node.send(Respond(usage=caller.usage, status=end.status or 500, headers=headers))
        self.end = end
        self.leg_down(caller, end)
        self.release()

    def release(self) -> None:
        """Give back all that the call holds and close its record. Waits for nothing."""
        end = self.end or LegEnd(reason=Reason.SYSTEM_ERROR, party=Party.SYSTEM)
        self.end = end
        if self.recorder is not None:
            self.recorder.close()
        if self.supervision is not None:
            self.supervision.end()
        self.ledger.release_all()
        facts = REASONS[end.reason]
        self.node.journal.emit(
            CallEnded(
                call=self.call.id,
                reason=end.reason,
                result=result_of(end.reason, answered=self.call.answered),
                party=end.party,
                sip_code=end.status,
                sip_text=end.text,
                q850=end.q850 if end.q850 is not None else facts.q850,
                legs_with_media=self.ports,
            )
        )
        # The circle call - legs - owner is cut here: memory comes back at once, not at the next collection.
        self.call.legs.clear()
        self._replies.clear()
        self._alarms.clear()
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None
        self.node.session_over(self)

    def _drop(self, leg: Leg) -> None:
        end = self.end
        assert end is not None
        try:
            self.hang_up(leg, end)
        except SipError:
            # Whatever the stack thinks of the farewell: the leg's port and record are not kept waiting.
            self.log.exception("leg cannot be ended", leg=leg.id)
            self.leg_down(leg, end)

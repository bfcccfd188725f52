"""Node: joins the SIP stack, the media engine, the sessions and the journal in one event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import structlog

from media.event import MediaEvent, PortClosed, PortEvent, PortLatched, WorkerLost, WorkerReady
from pbx.admission import Rates
from pbx.conference import Conferences
from pbx.events import LegStarted
from pbx.inbox import HangUpOrder, MediaSignal, SipSignal
from pbx.leg import Leg, LegOwner
from pbx.media_report import leg_media
from pbx.media_watch import MediaWatch
from pbx.occupancy import Occupancy
from pbx.reasons import Reason
from pbx.traffic import Traffic
from sip.commands import Command, Respond, SendInDialog
from sip.core import ALLOW, StackSettings, Trace
from sip.events import Event, InviteReceived, RequestFailed, RequestReceived, ResolveNeeded, ResponseReceived
from sip.flow import Flow, bracket
from sip.framing import FramingError
from sip.message import Request
from sip.stack import Stack

if TYPE_CHECKING:
    from media.client import Port
    from pbx.clock import Clock
    from pbx.journal import Journal
    from pbx.location import Location
    from pbx.plugs import MediaEngine, SoundSource, TextSpeaker, Transport
    from pbx.recording_place import RecordingPlace

IdSource = Callable[[], str]

FAREWELL_S = 2.0
"""How long a node that stops waits for the answers to its last BYEs: two of them may be lost."""
FAREWELL_LOOK_S = 0.02

BACKLOG_BYTES = 512 << 10
"""What may wait at a SIP socket before new calls are refused: a few hundred messages, with the kernel's own share of
each. A busy node serves them in a fifth of a second, before anybody sends them again (RFC 3261 §17.1.1.2, T1)."""


class RunningCall(LegOwner, Protocol):
    """A call with a task of its own (`pbx.session.Session`)."""

    async def run(self) -> None: ...


class Node:
    """The hub. It decides nothing: requests go to `ingress` and `registrar`, signals to the session of their leg."""

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        token: Callable[[], str],
        new_id: IdSource,
        rng: random.Random,
        sounds: SoundSource,
        location: Location,
        stack_settings: StackSettings | None = None,
        trace: Trace | None = None,
        media_host: str | None = None,
        media_address_v6: str | None = None,
        media_watch: MediaWatch | None = None,
        recordings: RecordingPlace | None = None,
    ) -> None:
        self.clock = clock
        self.journal = journal
        self.sounds = sounds
        self.location = location
        self.occupancy = Occupancy()
        self.rates = Rates()
        self.conferences = Conferences()
        self.speech: TextSpeaker | None = None
        """Who speaks texts; None: nobody does."""
        self.received = Traffic()
        self.sent = Traffic()
        self.workers_lost = 0
        self.stack = Stack(token=token, settings=stack_settings, trace=trace)
        self.log = structlog.get_logger("pbx")
        self.media: MediaEngine
        self.transport: Transport
        self.on_invite: Callable[[InviteReceived], None]
        self.on_register: Callable[[int, Request, Flow], Respond]
        self.sessions: dict[RunningCall, asyncio.Task[None]] = {}
        self.faults = 0
        self._new_id = new_id
        self.rng = rng
        self.media_watch = media_watch or MediaWatch()
        self.recordings = recordings
        """None: nothing can be recorded here."""
        self._media_host = media_host
        self._media_address_v6 = media_address_v6
        self._token = token
        self._legs: dict[int, Leg] = {}
        self._depths: dict[str, int] = {}
        """Of each outbound leg by its Call-ID: how deep a call would be that came of it."""
        self._asked: dict[int, Leg] = {}
        """Legs by the transactions of requests that were sent within their dialogs."""
        self._ports: dict[int, tuple[str, Leg]] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._pump_due = False

    # -- bytes and times in

    def receive(self, data: bytes, flow: Flow) -> None:
        """A datagram from a listener; `pump` follows when the listener is drained."""
        self.received.count(data)
        try:
            self.stack.receive(data, flow, self.clock.now())
        except Exception:
            self._fault("message cannot be handled", source=flow.source)

    def _fault(self, what: str, **facts: str) -> None:
        """A fault of ours: it is told, counted, and stops nothing else."""
        self.faults += 1
        self.log.exception(what, **facts)

    def unreachable(self, remote: tuple[str, int]) -> None:
        """A listener learnt that a peer cannot be reached."""
        self.stack.flow_failed(remote, self.clock.now())
        self._soon()

    def flow_opened(self, flow: Flow) -> None:
        """A connection is up."""
        self.stack.flow_opened(flow, self.clock.now())

    def flow_closed(self, flow: Flow) -> None:
        """A connection has gone."""
        try:
            self.stack.flow_closed(flow, self.clock.now())
        except Exception:
            self._fault("lost connection cannot be handled", source=flow.source)
        self._soon()

    def unframed(self, error: FramingError, flow: Flow) -> None:
        """A connection brings what has no end; it closes after the answer."""
        try:
            self.stack.refuse_unframed(error, flow, self.clock.now())
        except Exception:
            self._fault("stream cannot be refused", source=flow.source)

    def transport_trouble(self, text: str) -> None:
        self.log.warning(text)

    def send(self, command: Command) -> int:
        """Give the stack a command; what it wants sent goes out in this step of the loop."""
        number = self.stack.send(command, self.clock.now())
        self._soon()
        return number

    def ask(self, leg: Leg, command: SendInDialog) -> int:
        """Send a request within a leg's dialog; its answers go to the leg's owner. Returns the transaction's number."""
        tx = self.send(command)
        self._asked[tx] = leg
        return tx

    def _soon(self) -> None:
        if not self._pump_due:
            self._pump_due = True
            self._loop.call_soon(self._pump_once)

    def _pump_once(self) -> None:
        self._pump_due = False
        self.pump()

    def pump(self) -> None:
        """One step: events to their owners, messages to the wire, events of ours to the spool, the timer set."""
        stack = self.stack
        stack.busy = self.transport.backlog_bytes > BACKLOG_BYTES
        while (event := stack.next_event()) is not None:
            try:
                self._dispatch(event)
            except Exception:
                self._fault("event cannot be handled", kind=type(event).__name__)
                self._apologise(event)
        send = self.transport.send
        count = self.sent.count
        for flow, data in stack.datagrams_to_send():
            count(data)
            send(flow, data)
        self.journal.flush()
        self._arm()

    def _apologise(self, event: Event) -> None:
        """500 to a request that a fault of ours would leave without an answer."""
        if isinstance(event, InviteReceived):
            self.send(Respond(usage=event.usage, status=500))
        elif isinstance(event, RequestReceived):
            self.send(Respond(tx=event.tx, status=500))

    def _arm(self) -> None:
        when = self.stack.next_timeout()
        if self._timer is not None:
            if when is not None and self._timer_at is not None and self._timer_at <= when:
                # It fires no later than needed, and will arm itself again.
                return
            self._timer.cancel()
            self._timer = None
        if when is not None:
            self._timer_at = when
            # uvloop counts whole milliseconds: a timer that fires early would only be armed again.
            self._timer = self._loop.call_at(when + 0.001, self._timeout)

    def _timeout(self) -> None:
        self._timer = None
        try:
            self.stack.handle_timeout(self.clock.now())
        except Exception:
            # Its timer has gone; the others are due at the next pump.
            self._fault("timer cannot be handled")
        self.pump()

    # -- events

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, InviteReceived):
            self.on_invite(event)
        elif isinstance(event, RequestReceived):
            self._on_request(event)
        elif isinstance(event, ResolveNeeded):
            self._resolve(event)
        elif isinstance(event, ResponseReceived | RequestFailed):
            self._on_reply(event)
        else:
            leg = self._legs.get(event.usage)
            if leg is not None:
                leg.owner.post(SipSignal(leg, leg.generation, event))

    def _on_reply(self, event: ResponseReceived | RequestFailed) -> None:
        """An answer goes to whoever has the leg now."""
        leg = self._asked.get(event.tx)
        if leg is None:
            return
        if isinstance(event, RequestFailed) or event.response.status >= 200:
            del self._asked[event.tx]
        leg.owner.post(SipSignal(leg, leg.generation, event))

    def _on_request(self, event: RequestReceived) -> None:
        method = event.request.method
        if method == "REGISTER":
            answer = self.on_register(event.tx, event.request, event.flow)
        elif method == "OPTIONS":
            # RFC 3261 §11.2: what an INVITE would be told about us.
            answer = Respond(
                tx=event.tx,
                status=200,
                headers=(("allow", ALLOW), ("accept", "application/sdp"), ("accept-encoding", "identity")),
            )
        elif method in KNOWN_METHODS:
            answer = Respond(tx=event.tx, status=405)
        else:
            answer = Respond(tx=event.tx, status=501)
        self.send(answer)

    def _resolve(self, event: ResolveNeeded) -> None:
        def then(flow: Flow | None, ttl_s: float) -> None:
            if flow is None:
                self.stack.resolve_failed(event.query, self.clock.now())
            else:
                self.stack.resolved(event.query, flow, ttl_s, self.clock.now())
            self._soon()

        self.transport.resolve(event, then)

    def on_media(self, event: MediaEvent) -> None:
        """An event of the media engine."""
        if isinstance(event, WorkerLost):
            self.workers_lost += 1
            self.log.error("media worker lost; it is started again and every port put again", worker=event.worker)
        elif isinstance(event, WorkerReady):
            self.log.info("media worker ready", worker=event.worker)
        elif isinstance(event, PortClosed):
            self._on_port_closed(event)
        else:
            self._on_port_event(event)

    def _on_port_event(self, event: PortEvent) -> None:
        call, leg = self._ports.get(event.port_id, (None, None))
        if call is None or leg is None:
            return
        if isinstance(event, PortLatched):
            source = f"{bracket(event.host)}:{event.port}"
            self.log.debug("latched", call=call, tenant=leg.owner.call.tenant, leg=leg.id, source=source)
        else:
            leg.owner.post(MediaSignal(leg, leg.generation, event))

    def _on_port_closed(self, event: PortClosed) -> None:
        call, leg = self._ports.pop(event.port_id, (None, None))
        if call is None or leg is None:
            return
        self.journal.emit(leg_media(call, leg, event.stats))
        self._soon()

    # -- legs and sessions

    def new_leg(
        self,
        owner: LegOwner,
        call_id: str,
        *,
        kind: str,
        inbound: bool,
        usage: int,
        host: str,
        source: str | None,
        number: str | None,
        device: str | None,
        trunk: str | None,
        codecs: tuple[str, ...],
        sip_call_id: str | None,
    ) -> Leg:
        """Make a leg and write down that it began; `sip_call_id` None makes one."""
        leg = Leg(
            id=self._new_id(),
            kind=kind,
            inbound=inbound,
            usage=usage,
            call_id=call_id,
            owner=owner,
            host=self._media_host or host,
            source=source,
            number=number,
            device=device,
            trunk=trunk,
            codecs=codecs,
            sdp_id=self.rng.getrandbits(31),
            sip_call_id=sip_call_id or self._token(),
        )
        self.journal.emit(
            LegStarted(
                call=call_id,
                leg=leg.id,
                kind=kind,
                direction="in" if inbound else "out",
                number=number,
                device=device,
                trunk=trunk,
                sip_call_id=leg.sip_call_id,
                address=source,
            )
        )
        return leg

    def new_id(self) -> str:
        return self._new_id()

    def own(self, leg: Leg, depth: int = 0) -> None:
        """Signals of the leg's usage go to its owner from now on; `depth` is that of the call that it leads to."""
        self._legs[leg.usage] = leg
        if not leg.inbound and leg.sip_call_id is not None:
            self._depths[leg.sip_call_id] = depth

    def disown(self, leg: Leg) -> None:
        if self._legs.get(leg.usage) is leg:
            del self._legs[leg.usage]
            if not leg.inbound and leg.sip_call_id is not None:
                self._depths.pop(leg.sip_call_id, None)

    def depth_of(self, sip_call_id: str) -> int:
        """How many calls of ours an INVITE with this Call-ID comes from: it may be one that we sent ourselves."""
        return self._depths.get(sip_call_id, 0)

    def open_port(self, leg: Leg, near: Leg | None) -> Port:
        """Allocate a leg's media port, in the worker of another leg of the call. Raises NoPortsLeft."""
        near_id = near.port.id if near is not None and near.port is not None else None
        address = self._media_address_v6 if ":" in leg.host else None
        port = self.media.allocate(address=address, near=near_id)
        self._ports[port.id] = (leg.call_id, leg)
        return port

    @property
    def ports_in_use(self) -> int:
        """Media ports that legs have, or had a moment ago."""
        return len(self._ports)

    def start(self, session: RunningCall) -> None:
        """Run a session as a task of its own."""
        self.sessions[session] = self._loop.create_task(session.run(), name="call")

    def session_over(self, session: RunningCall) -> None:
        self.sessions.pop(session, None)
        self._soon()

    async def stop(self) -> None:
        """End every call and wait until all is sent and written, for FAREWELL_S at the most."""
        tasks = list(self.sessions.values())
        for session in list(self.sessions):
            session.post(HangUpOrder(Reason.SUPERVISOR_RELEASE))
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)
        for task in tasks:
            task.cancel()
        self.pump()
        # A BYE that is lost on the way is sent again: without it a phone would stay in its call.
        for _ in range(round(FAREWELL_S / FAREWELL_LOOK_S)):
            if not self.stack.census()["usages"]:
                break
            await asyncio.sleep(FAREWELL_LOOK_S)
        if self._timer is not None:
            self._timer.cancel()


KNOWN_METHODS = frozenset(
    {"BYE", "INFO", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE", "ACK", "CANCEL"}
)
"""Methods of the RFCs that are not served outside a dialog: 405, where an unknown one is 501 (RFC 3261 §8.2.1)."""

"""A whole node in virtual time: real stack, sessions, dialplan; fake wire, media, disk; phones that do as told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from dialplan.runner import DialplanRunner
from media.allocator import NoPortsLeft
from media.client import Port
from media.event import DigitsSent, MediaEvent, PlayerFinished, PortClosed, PortStats
from media.mix_state import RoomSound
from media.port_state import PortState, SentDigits
from media.ready_file import ReadyFile
from pbx.admission import Admission, Limits
from pbx.authenticator import Authenticator
from pbx.cdr import Cdr
from pbx.configuration import Configuration
from pbx.events import CallCreated
from pbx.ingress import Ingress
from pbx.ladder import Arrow, Party, draw
from pbx.location import Location
from pbx.node import Node
from pbx.recording_place import RecordingPlace
from pbx.registrar import Registrar
from pbx.snapshot import Snapshot
from pbx.sounds import Sounds
from pbx.trace.ring import TraceRing
from pbx.trace.story import description, label
from pbx.trace.tracer import Tracer
from pbx.ulid import UlidFactory
from sip.commands import Ack, Bye, Cancel, Command, Respond, SendInDialog, SendInvite, SendRequest
from sip.core import EXTENSIONS, StackSettings
from sip.digest import authorization, parse_challenge
from sip.events import Event, InviteFailed, InviteReceived, ResolveNeeded, ResponseReceived
from sip.flow import Address, Flow, print_address
from sip.stack import Stack
from tests.fakes.journal import MemoryJournal
from tests.fakes.wire import counting_token

E = TypeVar("E", bound=Event)

SERVER: Address = ("10.0.0.1", 5060)
WIRE_DELAY_S = 0.005


class VirtualClock:
    """The loop's time, and a wall clock that begins in 2026."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()

    def wall_ns(self) -> int:
        return 1_790_000_000_000_000_000 + int(self._loop.time() * 1e9)


class FakeMedia:
    """Keeps what was put; ports that are released say so."""

    def __init__(self, on_event: Callable[[MediaEvent], None], capacity: int = 1000) -> None:
        self._on_event = on_event
        self._next = 1
        self.capacity = capacity
        self.states: dict[int, PortState | None] = {}
        self.room_sounds: list[tuple[int, RoomSound]] = []
        """What rooms were let hear, in order."""
        self.dialled: list[tuple[int, SentDigits]] = []
        """Digits that ports were told to send, in order."""

    def allocate(self, *, address: str | None = None, near: int | None = None) -> Port:
        if len(self.states) >= self.capacity:
            raise NoPortsLeft("all RTP ports are in use")
        port = Port(
            id=self._next, worker=0, address="0.0.0.0", rtp_port=9998 + 2 * self._next, rtcp_port=9999 + 2 * self._next
        )
        self._next += 1
        self.states[port.id] = None
        return port

    def put(self, port_id: int, state: PortState) -> int:
        before = self.states[port_id]
        self.states[port_id] = state
        player = state.player
        if player is not None and player.plays is not None and (before is None or before.player != player):
            loop = asyncio.get_running_loop()
            loop.call_later(1.0, self._finish, port_id, player.id)
        digits = state.send_digits
        if digits is not None and (before is None or before.send_digits != digits):
            self.dialled.append((port_id, digits))
            sent = DigitsSent(port_id=port_id, revision=1, digits_id=digits.id)
            asyncio.get_running_loop().call_later(digits.steps * 0.02 + 0.04, self._on_event, sent)
        return 1

    def _finish(self, port_id: int, player: int) -> None:
        state = self.states.get(port_id)
        if state is not None and state.player is not None and state.player.id == player:
            self._on_event(PlayerFinished(port_id=port_id, revision=1, player_id=player))

    def play_in_room(self, room: int, sounds: Sequence[RoomSound]) -> None:
        self.room_sounds += [(room, sound) for sound in sounds]

    async def look(self, port_ids: Sequence[int], timeout_s: float) -> dict[int, PortStats]:
        return {port_id: self._stats() for port_id in port_ids if port_id in self.states}

    @staticmethod
    def _stats() -> PortStats:
        return PortStats(packets_received=100, packets_sent=100)

    def release(self, port_id: int) -> None:
        del self.states[port_id]
        stats = self._stats()
        asyncio.get_running_loop().call_soon(self._on_event, PortClosed(port_id=port_id, revision=1, stats=stats))


class Network:
    """Carries datagrams between addresses, and prints what it carried as a ladder."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrival = 0.0
        self._receivers: dict[Address, Callable[[bytes, Address], None]] = {}
        self.lose: Callable[[Address, Address, bytes], bool] = lambda source, to, data: False
        self.carried: list[tuple[float, Address, Address, bytes, bool]] = []
        self.names: dict[Address, str] = {}

    def attach(self, address: Address, name: str, receive: Callable[[bytes, Address], None]) -> None:
        self._receivers[address] = receive
        self.names[address] = name

    def detach(self, address: Address) -> None:
        self._receivers.pop(address, None)

    def carry(self, data: bytes, source: Address, to: Address) -> None:
        lost = self.lose(source, to, data) or to not in self._receivers
        self.carried.append((self._loop.time(), source, to, data, lost))
        if not lost:
            # In order: a loop may run timers of one moment in any.
            self._arrival = max(self._loop.time() + WIRE_DELAY_S, self._arrival + 1e-7)
            self._loop.call_at(self._arrival, self._deliver, data, source, to)

    def ladder(self) -> str:
        """All that was carried."""
        ends = [end for _, source, to, _, _ in self.carried for end in (source, to)]
        columns = {address: number for number, address in enumerate(dict.fromkeys((*self.names, *ends)))}
        parties = [Party(name=self.names.get(one, "nobody"), where=print_address(one)) for one in columns]
        rows = [
            Arrow(
                at_s=at_s,
                source=columns[source],
                target=columns[to],
                label=label(data),
                note=", ".join([*(["lost"] if lost else []), *description(data)]),
            )
            for at_s, source, to, data, lost in self.carried
        ]
        return "\n".join(draw(parties, rows))

    def _deliver(self, data: bytes, source: Address, to: Address) -> None:
        receive = self._receivers.get(to)
        if receive is not None:
            receive(data, source)


class NodeTransport:
    """The node's side of the network; `backlog_bytes` are said to wait in the kernel."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.backlog_bytes = 0

    def send(self, flow: Flow, data: bytes) -> None:
        self._network.carry(data, SERVER, flow.remote)

    def vouch(self, flow: Flow) -> None:
        """Nobody closes anything here for being idle."""

    def resolve(self, event: ResolveNeeded, then: Callable[[Flow | None, float], None]) -> None:
        if event.host.endswith(".invalid") or event.transport != "UDP":
            then(None, 0.0)
        else:
            then(Flow("udp", "UDP", SERVER, (event.host, event.port or 5060)), 60.0)


def sdp(host: str, port: int, *formats: tuple[int, str], direction: str = "sendrecv") -> bytes:
    """A session description as a phone writes it."""
    chosen = formats or ((0, "PCMU/8000"), (8, "PCMA/8000"), (101, "telephone-event/8000"))
    numbers = " ".join(str(number) for number, _ in chosen)
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP {numbers}"]
    lines += [f"a=rtpmap:{number} {name}" for number, name in chosen]
    lines.append(f"a={direction}")
    return "\r\n".join([*lines, ""]).encode()


class Phone:
    """A user agent of the test's: its stack is real, its user is the test."""

    def __init__(
        self, board: Switchboard, name: str, address: Address, password: str = "", extensions: tuple[str, ...] = ()
    ) -> None:
        self.board = board
        self.name = name
        self.address = address
        self.password = password
        self.sdp = sdp(address[0], 4000)
        self.stack = Stack(token=counting_token(f"{name}-"), settings=StackSettings(supported=extensions))
        self.events: list[Event] = []
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.call_id = f"reg-{name}-{address[0]}-{address[1]}"
        """Call-ID of its registrations."""
        self._registers = 0
        self.off = False
        self.flow = Flow("phone", "UDP", address, SERVER)
        board.network.attach(address, name, self._receive)

    def _receive(self, data: bytes, source: Address) -> None:
        self.stack.receive(data, Flow("phone", "UDP", self.address, source), self.board.loop.time())
        self._pump()

    def _pump(self) -> None:
        while (event := self.stack.next_event()) is not None:
            if isinstance(event, ResolveNeeded):
                flow = Flow("phone", "UDP", self.address, (event.host, event.port or 5060))
                self.stack.resolved(event.query, flow, 60.0, self.board.loop.time())
            else:
                self.events.append(event)
                self._news.set()
        for flow, data in self.stack.datagrams_to_send():
            self.board.network.carry(data, self.address, flow.remote)
        when = self.stack.next_timeout()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is not None:
            self._timer = self.board.loop.call_at(when, self._timeout)

    def _timeout(self) -> None:
        self.stack.handle_timeout(self.board.loop.time())
        self._pump()

    def send(self, command: Command) -> int:
        number = self.stack.send(command, self.board.loop.time())
        self._pump()
        return number

    async def expect(self, kind: type[E], timeout_s: float = 60.0) -> E:
        """The next event of a kind, leaving out others before it."""
        deadline = self.board.loop.time() + timeout_s
        while True:
            for place, event in enumerate(self.events):
                if isinstance(event, kind):
                    del self.events[: place + 1]
                    return event
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                pytest.fail(f"{self.name} waits for {kind.__name__}\n{self.board}")

    def switch_off(self) -> None:
        """Pull the plug: nothing arrives, nothing is answered."""
        self.off = True
        self.board.network.detach(self.address)
        if self._timer is not None:
            self._timer.cancel()

    # -- what a user does

    async def register(self, *, expires_s: int = 3600, contact: str | None = None) -> ResponseReceived:
        """Register with digest, as ordinary phones do."""
        where = contact or f"<sip:{self.name}@{self.address[0]}:{self.address[1]}>"
        headers = (("contact", where), ("expires", str(expires_s)))
        answer = await self.ask_to_register(headers)
        if answer.response.status != 401:
            return answer
        return await self.ask_to_register(
            (*headers, ("authorization", self._credentials(answer, "REGISTER", "sip:demo.local")))
        )

    async def ask_to_register(self, headers: tuple[tuple[str, str], ...]) -> ResponseReceived:
        """One REGISTER with these header fields, and its final answer."""
        self._registers += 1
        self.send(
            SendRequest(
                target=self.flow,
                method="REGISTER",
                uri="sip:demo.local",
                from_=f"<sip:{self.name}@demo.local>",
                to=f"<sip:{self.name}@demo.local>",
                headers=headers,
                call_id=self.call_id,
                cseq=self._registers,
            )
        )
        return await self.expect(ResponseReceived)

    def _credentials(self, answer: ResponseReceived | InviteFailed, method: str, uri: str) -> str:
        assert answer.response is not None
        challenges = [parse_challenge(row) for row in answer.response.headers.get_all("www-authenticate")]
        challenge = next(one for one in challenges if one.algorithm == "MD5")
        return authorization(challenge, method, uri, self.name, self.password, 1, "cnonce")

    async def invite(
        self,
        number: str,
        *,
        body: bytes | None = None,
        password: bool = True,
        headers: tuple[tuple[str, str], ...] = (),
        max_forwards: int = 70,
    ) -> int:
        """Call a number; challenged, call again with credentials. Returns the usage that stands."""
        uri = f"sip:{number}@demo.local"
        usage = self._invite(uri, self.sdp if body is None else body, headers, max_forwards)
        if not password:
            return usage
        failed = await self.expect(InviteFailed)
        while failed.usage != usage:
            failed = await self.expect(InviteFailed)
        assert failed.status == 401, failed
        credentials = self._credentials(failed, "INVITE", uri)
        headers = (*headers, ("authorization", credentials))
        return self._invite(uri, self.sdp if body is None else body, headers, max_forwards)

    def _invite(self, uri: str, body: bytes, headers: tuple[tuple[str, str], ...], max_forwards: int) -> int:
        return self.send(
            SendInvite(
                target=self.flow,
                uri=uri,
                from_=f"<sip:{self.name}@demo.local>",
                to=f"<{uri}>",
                contact_user=self.name,
                body=body,
                headers=headers,
                max_forwards=max_forwards,
            )
        )

    async def ringing(self) -> InviteReceived:
        """Wait for a call and ring."""
        invite = await self.expect(InviteReceived)
        self.send(Respond(usage=invite.usage, status=180))
        return invite

    def answer(self, invite: InviteReceived) -> None:
        self.answer_usage(invite.usage)

    def answer_usage(self, usage: int) -> None:
        self.send(Respond(usage=usage, status=200, body=self.sdp))

    def refuse_usage(self, usage: int, status: int) -> None:
        self.send(Respond(usage=usage, status=status))

    def refuse(self, invite: InviteReceived, status: int) -> None:
        self.send(Respond(usage=invite.usage, status=status))

    def cancel(self, usage: int) -> None:
        self.send(Cancel(usage=usage))

    def hang_up(self, usage: int) -> None:
        self.send(Bye(usage=usage))

    def ack(self, usage: int, body: bytes) -> None:
        self.send(Ack(usage=usage, body=body))

    def reinvite(self, usage: int, body: bytes) -> int:
        return self.send(SendInDialog(usage=usage, method="INVITE", body=body))


class Switchboard:
    """The node under test with its surroundings; phones are attached to it."""

    def __init__(
        self, snapshot: Snapshot, *, ports: int = 1000, limits: Limits | None = None, recordings: Path | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = VirtualClock(self.loop)
        self.journal = MemoryJournal(self.clock)
        self.network = Network(self.loop)
        self.tracer = Tracer(TraceRing(Path("/nowhere"), size_bytes=0, age_s=0), self.clock)
        self.location = Location(self.journal)
        self.configuration = Configuration(snapshot)
        rng = random.Random(1)
        ids = UlidFactory(rng)
        self.node = Node(
            clock=self.clock,
            journal=self.journal,
            token=counting_token("s"),
            new_id=lambda: ids.new(self.clock.wall_ns() // 1_000_000),
            rng=rng,
            sounds=Sounds(self._catalogue()),
            location=self.location,
            stack_settings=StackSettings(supported=("path", *EXTENSIONS)),
            trace=self.tracer.message,
            recordings=None if recordings is None else RecordingPlace(recordings),
        )
        authenticator = Authenticator(secret=b"0123456789abcdef", clock=self.clock, journal=self.journal)
        self.media = FakeMedia(self.node.on_media, ports)
        self.node.media = self.media
        self.transport = self.node.transport = NodeTransport(self.network)
        self.free_calls = 1000
        """For how many calls there are said to be media ports."""
        self.lag_s = 0.0
        """How late the event loop is said to be."""
        self.ingress = Ingress(
            node=self.node,
            configuration=self.configuration,
            authenticator=authenticator,
            runner=DialplanRunner(),
            admission=Admission(
                limits or Limits(),
                now=self.clock.now,
                free_calls=lambda: self.free_calls,
                lag_s=lambda: self.lag_s,
            ),
        )
        self.registrar = Registrar(
            configuration=self.configuration, location=self.location, authenticator=authenticator, clock=self.clock
        )
        self.phones: list[Phone] = []
        self.node.on_invite = self.ingress.on_invite
        self.node.on_register = self.registrar.register
        self.network.attach(
            SERVER, "server", lambda data, source: self._receive(data, Flow("udp", "UDP", SERVER, source))
        )

    def _receive(self, data: bytes, flow: Flow) -> None:
        self.node.receive(data, flow)
        self.node.pump()

    def _catalogue(self) -> dict[str, ReadyFile]:
        names: tuple[str, ...] = (
            "en/not-in-service",
            "en/welcome",
            "tones/us/busy",
            "tones/us/ringback",
            "tones/us/congestion",
            "tones/us/warning",
            "music/hold",
        )
        ready = ReadyFile(path="/nowhere.raw", duration_ms=1000, frame_bytes=160, samples_per_frame=160, ptime_ms=20)
        digits = (f"en/number-{digit}" for digit in range(10))
        names += ("en/your-number-is", "en/conf-full", "en/conf-removed", *digits)
        files = {
            f"{codec}/{name}": ready._replace(path=f"/nowhere/{name}.raw")
            for codec in ("pcmu", "pcma")
            for name in names
        }
        signals = [f"room{rate_hz}/tones/{name}" for rate_hz in (8000, 16000) for name in ("join", "leave")]
        return files | {name: ready._replace(path=f"/nowhere/{name}.raw") for name in signals}

    def phone(
        self, name: str, host: str, *, port: int = 5060, password: str | None = None, extensions: tuple[str, ...] = ()
    ) -> Phone:
        """A phone; `extensions` are the option tags that it knows."""
        phone = Phone(self, name, (host, port), f"demo-{name}" if password is None else password, extensions)
        self.phones.append(phone)
        return phone

    async def settled(self) -> list[Cdr]:
        """Wait until every call is over and every transaction has gone; nothing may be left. Returns the records."""
        await asyncio.sleep(100)
        assert not self.node.sessions, f"calls still up\n{self}"
        census = self.node.stack.census()
        assert set(census.values()) == {0}, f"{census}\n{self}"
        assert not self.media.states, f"ports still held\n{self}"
        assert not self.node.faults, f"faults of ours\n{self}"
        assert not self.node._legs, f"legs still known\n{self}"
        assert not self.node._asked, f"answers still awaited\n{self}"
        assert not self.node._ports, f"reports of ports still due\n{self}"
        assert not len(self.node.conferences), "rooms without members"
        assert not len(self.node.occupancy), "something still counts as in use"
        assert len(self.location) == sum(1 for _ in self.location.bindings()), "bindings are counted wrongly"
        for phone in self.phones:
            left = phone.stack.census()
            assert phone.off or set(left.values()) == {0}, f"{phone.name} keeps {left}\n{self}"
        records = self.journal.records()
        self._check(records)
        return records

    def _check(self, records: list[Cdr]) -> None:
        """What holds of all records together and of each alone."""
        calls = [event.call for event in self.journal.events(CallCreated) if isinstance(event, CallCreated)]
        assert sorted(record.call_id for record in records) == sorted(calls), f"not one record per call\n{self}"
        for record in records:
            assert record.total_ms == record.ring_ms + record.talk_ms + record.other_ms, record
            assert min(record.total_ms, record.ring_ms, record.talk_ms, record.other_ms) >= 0, record
            assert (record.result == "answered") == (record.answer_at_ms is not None), f"{record}\n{self}"
            assert record.talk_ms == 0 or record.answer_at_ms is not None, record
            assert record.reason != "system_error", f"{record}\n{self}"
            assert all(leg.state == "down" and leg.reason is not None for leg in record.legs), f"{record}\n{self}"

    def __str__(self) -> str:
        return self.network.ladder()

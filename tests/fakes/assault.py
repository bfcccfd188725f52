"""A stack under fire: a call is up, and damaged messages of that very call and of others rain down on it."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path

from sip.commands import Bye, Command, Respond, SendInDialog, SendInvite
from sip.errors import LocalError
from sip.events import (
    AckMissing,
    ByeReceived,
    DialogLost,
    DialogRequest,
    Event,
    InviteAnswered,
    InviteCancelled,
    InviteFailed,
    InviteReceived,
    ReinviteReceived,
    RequestReceived,
    ResolveNeeded,
    UpdateReceived,
)
from sip.flow import Address, Flow
from sip.stack import Stack
from tests.fakes.mutator import mutate

HERE: Address = ("10.0.0.1", 5060)
THERE: Address = ("10.0.0.2", 5060)
SDP = b"v=0\r\n"
STEP_S = 0.001
CALL_LENGTH = 500
"""Datagrams per call."""


def torture_messages() -> list[bytes]:
    """The messages of RFC 4475 and RFC 5118."""
    corpus = Path(__file__).parent.parent / "corpus"
    return [path.read_bytes() for path in sorted(corpus.glob("rfc*/*.dat"))]


METHODS = (b"INVITE", b"ACK", b"BYE", b"CANCEL", b"UPDATE", b"INFO", b"PRACK", b"OPTIONS", b"REFER", b"MESSAGE")
STATUSES = (b"100", b"180", b"183", b"200", b"202", b"302", b"401", b"408", b"481", b"486", b"491", b"500", b"603")


def twist(rng: random.Random, data: bytes) -> bytes:
    """The same message with another meaning, well-formed still: branch, method, status, CSeq, tags, body."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    method, number = rng.choice(METHODS), b"%d" % rng.choice((0, 1, 2, 3, 5, 100, 2**31 - 1))
    new_method, new_number, new_branch = rng.random() < 0.4, rng.random() < 0.3, rng.random() < 0.7
    for at, line in enumerate(lines):
        name, _, value = line.partition(b":")
        if at == 0 and not line.startswith(b"SIP/2.0") and new_method:
            lines[at] = method + line[line.find(b" ") :]
        elif at == 0 and line.startswith(b"SIP/2.0") and rng.random() < 0.5:
            lines[at] = b"SIP/2.0 " + rng.choice(STATUSES) + b" x"
        elif name == b"CSeq":
            old_number, _, old_method = value.strip().partition(b" ")
            lines[at] = b"CSeq: %s %s" % (number if new_number else old_number, method if new_method else old_method)
        elif name == b"Via" and new_branch and not lines[0].startswith(b"SIP/2.0"):
            lines[at] = line[: line.find(b"branch=")] + b"branch=z9hG4bK%d" % rng.getrandbits(48)
        elif name in (b"From", b"To") and rng.random() < 0.15:
            lines[at] = line.partition(b";tag=")[0] + rng.choice((b"", b";tag=other"))
        elif name == b"Contact" and rng.random() < 0.3:
            contacts = (b"<tel:+4930123>", b"<sip:gone.invalid>", b"<sip:x@10.0.0.9;transport=tcp>", b"*")
            lines[at] = b"Contact: " + rng.choice(contacts)
        elif name == b"Content-Length" and rng.random() < 0.2:
            body = rng.choice((b"", b"v=0\r\n"))
            lines[at] = b"Content-Length: %d" % len(body)
    if rng.random() < 0.2:
        lines.insert(2, b"Record-Route: <sip:10.0.0.8;lr>, <sip:proxy.invalid>")
    return b"\r\n".join([*lines, b"", body])


class Assault:
    """The victim's user does what an honest user does; nothing that arrives may stop it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        # Not counted: damage would hit upon the branch of a call to come.
        self.victim = Stack(token=self._token)
        self.peer = Stack(token=self._token)
        self.flow = Flow("udp", "UDP", HERE, THERE)
        self.back = Flow("udp", "UDP", THERE, HERE)
        self.recent: deque[bytes] = deque(maxlen=40)
        """What the peer really sent last: the honest messages that are damaged."""
        self.foreign = torture_messages()
        self.usages: set[int] = set()
        """The victim's calls that are up."""
        self.peer_usage = 0
        self.calls = 0
        self.sent = 0

    def _token(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"

    # -- the two stacks

    def settle(self) -> None:
        """Let both stacks say all that they have to say to each other."""
        for _ in range(50):
            self._take_events(self.victim, self.flow, self._on_victim)
            self._take_events(self.peer, self.back, self._on_peer)
            out = self.victim.datagrams_to_send()
            for flow, data in out:
                if flow.remote == THERE:
                    self.peer.receive(data, self.back, self.now)
            back = self.peer.datagrams_to_send()
            for _, data in back:
                self.recent.append(data)
                self.victim.receive(data, self.flow, self.now)
            if not out and not back:
                return

    def _take_events(self, stack: Stack, flow: Flow, user: object) -> None:
        assert callable(user)
        while (event := stack.next_event()) is not None:
            if isinstance(event, ResolveNeeded):
                self._resolve(stack, flow, event)
            else:
                user(event)

    def _resolve(self, stack: Stack, flow: Flow, event: ResolveNeeded) -> None:
        if stack is self.victim and self.rng.random() < 0.1:
            stack.resolve_failed(event.query, self.now)
            return
        remote = (event.host, event.port or 5060)
        stack.resolved(event.query, Flow(flow.listener, "UDP", flow.local, remote), 60.0, self.now)

    def _on_victim(self, event: Event) -> None:
        if isinstance(event, InviteReceived):
            honest = self.rng.random() < 0.2 or event.request.call_id == f"call{self.calls}"
            self.order(self.victim, Respond(usage=event.usage, status=180))
            if honest and self.order(self.victim, Respond(usage=event.usage, status=200, body=SDP)):
                self.usages.add(event.usage)
            else:
                self.order(self.victim, Respond(usage=event.usage, status=486))
        elif isinstance(event, ReinviteReceived | UpdateReceived):
            status = self.rng.choice((200, 200, 488))
            self.order(self.victim, Respond(tx=event.tx, status=status, body=SDP if status == 200 else b""))
        elif isinstance(event, DialogRequest | RequestReceived):
            self.order(self.victim, Respond(tx=event.tx, status=200))
        elif isinstance(event, AckMissing):
            self.order(self.victim, Bye(usage=event.usage))
            self.usages.discard(event.usage)
        elif isinstance(event, ByeReceived | DialogLost | InviteCancelled | InviteFailed):
            self.usages.discard(event.usage)

    def _on_peer(self, event: Event) -> None:
        if isinstance(event, ReinviteReceived | UpdateReceived | DialogRequest):
            self.order(self.peer, Respond(tx=event.tx, status=200, body=SDP))
        elif isinstance(event, ByeReceived | DialogLost | InviteFailed):
            self.peer_usage = 0
        elif isinstance(event, InviteAnswered):
            self.peer_usage = event.usage

    def order(self, stack: Stack, command: Command) -> int:
        """Give a command; what the dialog does not allow at this moment is left."""
        try:
            return stack.send(command, self.now)
        except LocalError:
            return 0

    # -- the plot

    def call(self) -> None:
        """The peer calls, the victim answers."""
        self.calls += 1
        self.peer.send(
            SendInvite(
                target=self.back, uri="sip:victim@10.0.0.1", from_="<sip:peer@10.0.0.2>", to="<sip:victim@10.0.0.1>",
                contact_user="peer", body=SDP, call_id=f"call{self.calls}",
            ),
            self.now,
        )  # fmt: skip
        self.settle()
        assert self.peer_usage, "an honest call did not come through"

    def hang_up(self) -> None:
        """End whatever is up on either side."""
        if self.peer_usage:
            self.order(self.peer, Bye(usage=self.peer_usage))
            self.peer_usage = 0
        self.settle()
        for usage in sorted(self.usages):
            self.order(self.victim, Bye(usage=usage))
        self.usages.clear()
        self.settle()

    def _live(self) -> None:
        """Something honest happens within the call."""
        method = self.rng.choice(("INFO", "INVITE", "UPDATE"))
        body = b"" if method == "INFO" else SDP
        if self.rng.random() < 0.5:
            self.order(self.peer, SendInDialog(usage=self.peer_usage, method=method, body=body))
        elif self.usages:
            self.order(self.victim, SendInDialog(usage=max(self.usages), method=method, body=body))

    def fire(self) -> None:
        """One damaged datagram."""
        rng = self.rng
        whence = self.recent if self.recent and rng.random() < 0.8 else self.foreign
        data = whence[int(rng.random() * len(whence))]
        if rng.random() < 0.5:
            data = twist(rng, data)
            if rng.random() < 0.7:
                self.victim.receive(data, self.flow, self.now)
                self.sent += 1
                return
        data = mutate(rng, data)
        self.victim.receive(data, self.flow, self.now)
        self.sent += 1

    def run(self, datagrams: int) -> None:
        """Fire so many; calls come and go meanwhile."""
        for number in range(datagrams):
            if number % CALL_LENGTH == 0:
                self.hang_up()
                self.call()
            elif number % 25 == 0:
                self._live()
            self.fire()
            if number % 5 == 0:
                self.settle()
                self.pass_time(5 * STEP_S)

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, and all that is due with it."""
        end = self.now + seconds
        while True:
            due = [when for stack in (self.victim, self.peer) if (when := stack.next_timeout()) is not None]
            when = min(due, default=end)
            if when >= end:
                break
            self.now = max(self.now, when)
            for stack in (self.victim, self.peer):
                stack.handle_timeout(self.now)
            self.settle()
        self.now = end

    def finish(self) -> dict[str, int]:
        """End everything, wait until every transaction has gone, and return what is left."""
        for _ in range(4):
            self.hang_up()
            self.pass_time(70.0)
        return self.victim.census()

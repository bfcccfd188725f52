"""What the server and the client side of the stack share: transactions, dialogs, resolution, outgoing messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sip.dialog import Dialog, DialogKey, Hop
from sip.events import Event
from sip.flow import Flow, Target, print_address
from sip.headers import Headers
from sip.message import Request, Response
from sip.routes import Routes
from sip.timers import Timers, Timing
from sip.transaction_layer import TransactionLayer, TransactionUser
from sip.uri import print_user
from sip.usage import InviteUsage, Phase, ServedRequest
from sip.via import MAGIC_COOKIE

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK, REGISTER"
EXTENSIONS = ("100rel", "timer")
"""Option tags that the stack itself serves."""
ACCEPT = "application/sdp"

LARGE_REQUEST = 1300
"""Bytes that a UDP request may have where the path's MTU is not known (RFC 3261 §18.1.1)."""

Trace = Callable[[float, str, Flow, bytes], None]
"""Called with the time, "in" or "out", the flow and the bytes of every message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What a stack is told once. `public_host` is the address that the world knows us by, behind a NAT of ours."""

    product: str = "Cordboard"
    supported: tuple[str, ...] = ()
    """Option tags that a peer may require (RFC 3261 §8.2.2.3), of EXTENSIONS and what the user serves."""
    session_expires_s: int = 1800
    """The interval of sessions (RFC 4028) where "timer" is supported; 0 runs none."""
    timing: Timing = field(default_factory=Timing)
    public_host: str | None = None
    retry_after_s: int = 5
    """What callers are told that a busy stack refuses."""
    max_routes: int = 10_000
    """How many resolved next hops are remembered."""


class Core:
    """Shared state of one stack; no clock, no socket."""

    def __init__(
        self, settings: StackSettings, token: Callable[[], str], user: TransactionUser, trace: Trace | None
    ) -> None:
        self.settings = settings
        self.timing = settings.timing
        self.token = token
        self.trace = trace
        self.now = 0.0
        self.busy = False
        """More waits than can be served: new calls are refused without further ado."""
        self.timers = Timers(settings.timing.slack_s)
        self.events: deque[Event] = deque()
        self.outbox: deque[tuple[Flow, bytes]] = deque()
        self.layer = TransactionLayer(self.timers, settings.timing, self.transmit, user)
        self.usages: dict[int, InviteUsage] = {}
        self.dialogs: dict[DialogKey, tuple[Dialog, InviteUsage]] = {}
        self.served: dict[int, ServedRequest] = {}
        """Requests that await the user's answer, by transaction."""
        self._idents = count(1)
        self.routes = Routes(self.events, settings.max_routes)

    # -- leaving

    def transmit(self, flow: Flow, data: bytes) -> None:
        self.outbox.append((flow, data))
        if self.trace is not None:
            self.trace(self.now, "out", flow, data)

    def sent_by(self, flow: Flow) -> str:
        """Our address on a flow, as `host:port` (RFC 3261 §18.1.1)."""
        public = self.settings.public_host
        return print_address(flow.local if public is None else (public, flow.local[1]))

    def contact(self, flow: Flow, user: str, secure: bool = False) -> str:
        """Our Contact on a flow, a sips: one where the far end used one (RFC 3261 §12.1.1); `user` is decoded."""
        at = f"{print_user(user)}@" if user else ""
        if secure:
            return f"<sips:{at}{self.sent_by(flow)}>"
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return f"<sip:{at}{self.sent_by(flow)}{transport}>"

    def stamp(self, request: Request, flow: Flow, contact_user: str | None) -> None:
        """Put a fresh Via, and the Contact where the method wants one, on a request of ours."""
        via = f"SIP/2.0/{flow.transport} {self.sent_by(flow)};branch={MAGIC_COOKIE}{self.token()};rport"
        request.headers.prepend("via", via)
        if contact_user is not None:
            request.headers.add("contact", self.contact(flow, contact_user, request.uri.scheme == "sips"))
        request.headers.add("user-agent", self.settings.product)

    def route(
        self,
        request: Request,
        hop: Hop,
        contact_user: str | None,
        now: float,
        then: Callable[[Flow | None, bytes, float], None],
    ) -> None:
        """Stamp a request for its next hop, and call `then` with the flow and the bytes; with None for no way."""

        def resolved(flow: Flow | None, at: float) -> None:
            if flow is None:
                then(None, b"", at)
                return
            self.stamp(request, flow, contact_user)
            data = request.encode()
            if len(data) <= LARGE_REQUEST or flow.reliable or isinstance(hop, Flow):
                then(flow, data, at)
            else:
                self._route_large(request, flow, data, contact_user, at, then)

        self.routes.find(hop, now, resolved)

    def _route_large(
        self,
        request: Request,
        flow: Flow,
        data: bytes,
        contact_user: str | None,
        now: float,
        then: Callable[[Flow | None, bytes, float], None],
    ) -> None:
        """RFC 3261 §18.1.1: by TCP what a path may not carry as one datagram; by UDP all the same to who has no TCP."""
        target = Target(flow.remote[0], flow.remote[1], "TCP")
        if not self.routes.takes_stream(target, now):
            then(flow, data, now)
            return

        def connected(stream: Flow | None, at: float) -> None:
            if stream is None or not stream.reliable:
                self.routes.has_no_stream(target, at)
                then(flow, data, at)
                return
            headers = request.headers
            headers.set("via", headers.get_all("via")[1:])
            for name in ("contact", "user-agent"):
                headers.remove(name)
            self.stamp(request, stream, contact_user)
            then(stream, request.encode(), at)

        self.routes.find(target, now, connected)

    def response(
        self, request: Request, status: int, reason: str | None, to_tag: str | None, dialog: bool = False
    ) -> Response:
        """An answer with the fields that are copied (RFC 3261 §8.2.6.2); `dialog` copies Record-Route too (§12.1.1)."""
        source = request.headers
        headers = Headers()
        for via in source.get_all("via"):
            headers.add("via", via)
        if dialog:
            for route in source.get_all("record-route"):
                headers.add("record-route", route)
        headers.add("from", source.get("from") or "")
        to = source.get("to") or ""
        headers.add("to", to if to_tag is None or request.to_tag is not None else f"{to};tag={to_tag}")
        headers.add("call-id", source.get("call-id") or "")
        headers.add("cseq", source.get("cseq") or "")
        return Response(status, reason or REASONS.get(status, "Unknown"), headers, b"")

    # -- usages and dialogs

    def new_usage(self, *, outbound: bool, request: Request, local_tag: str, contact_user: str) -> InviteUsage:
        usage = InviteUsage(
            ident=next(self._idents),
            outbound=outbound,
            request=request,
            local_tag=local_tag,
            contact_user=contact_user,
        )
        self.usages[usage.ident] = usage
        return usage

    def register(self, dialog: Dialog, usage: InviteUsage) -> None:
        dialog.usages.add(usage.ident)
        self.dialogs[dialog.key] = (dialog, usage)

    def leave(self, dialog: Dialog, usage: InviteUsage) -> None:
        """A usage leaves its dialog; the dialog goes with its last usage (RFC 5057 §4.1)."""
        dialog.usages.discard(usage.ident)
        if not dialog.usages:
            self.dialogs.pop(dialog.key, None)

    def refuse_served(self, usage: InviteUsage) -> None:
        """Answer what the far end still asks within a usage that ends: 487 (RFC 3261 §15.1.2)."""
        for ident, served in list(usage.served.items()):
            response = self.response(served.request, 487, None, None)
            self.layer.respond(served.tx, 487, response.encode(), self.now)
            del self.served[ident]
        usage.served.clear()

    def end(self, usage: InviteUsage) -> None:
        """The usage is over and nothing of it is still to be sent."""
        if usage.phase is Phase.DOWN:
            return
        usage.phase = Phase.DOWN
        if usage.served:
            self.refuse_served(usage)
        if usage.reinvite is not None and usage.reinvite.tx is not None:
            self.layer.limit(usage.reinvite.tx, self.now)
        if usage.accepted is not None and usage.accepted.timer is not None:
            usage.accepted.timer.cancel()
        if usage.reliable is not None:
            usage.reliable.stop()
        if usage.session_timer is not None:
            usage.session_timer.stop()
        usage.accepted = None
        for dialog in usage.earlies.values():
            self.leave(dialog, usage)
        usage.earlies.clear()
        if usage.dialog is not None:
            self.leave(usage.dialog, usage)
        self.usages.pop(usage.ident, None)
        self._lighten(usage)

    def _lighten(self, usage: InviteUsage) -> None:
        """What lingers for 64*T1 keeps little: a client transaction its usage, for late 2xx; the others nothing."""
        tx, usage.tx = usage.tx, None
        if tx is not None and not usage.outbound:
            tx.owner = None
        usage.request.body = b""


# RFC 3261 §21 and the registry of SIP response codes.
REASONS: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

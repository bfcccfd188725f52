"""Dialogs (RFC 3261 §12): the state that two user agents share, and the requests within it."""

from __future__ import annotations

from sip.errors import MalformedHeader
from sip.flow import Flow, Reuse, Target
from sip.headers import Headers
from sip.message import Request, Response
from sip.name_addr import parse_name_addr
from sip.offer_answer import OfferAnswer
from sip.uri import AnyUri, SipUri

DialogKey = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""

Hop = Flow | Target | Reuse


class Dialog:
    """One dialog, early or confirmed. `usages` numbers what lives in it (RFC 5057); it ends with the last of them.

    `local` and `remote` are the From and To values of our own requests, tags included. `pinned` says that the
    far end is behind a NAT and is reached over the flow from which it came, not at its Contact.
    """

    __slots__ = (
        "call_id",
        "confirmed",
        "contact_user",
        "exchange",
        "flow",
        "local",
        "local_cseq",
        "local_tag",
        "pinned",
        "prack_due",
        "remote",
        "remote_cseq",
        "remote_rseq",
        "remote_tag",
        "route_set",
        "target",
        "usages",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local: str,
        remote: str,
        local_cseq: int,
        remote_cseq: int | None,
        route_set: list[str],
        target: AnyUri,
        flow: Flow,
        pinned: bool,
        contact_user: str,
        exchange: OfferAnswer,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local = local
        self.remote = remote
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.route_set = route_set
        self.target = target
        self.flow = flow
        self.pinned = pinned
        self.contact_user = contact_user
        self.exchange = exchange
        self.confirmed = False
        self.remote_rseq: int | None = None
        """The number of the far end's latest reliable response (RFC 3262 §4)."""
        self.prack_due: tuple[int, int] | None = None
        """RSeq and CSeq of one whose offer awaits the user's answer."""
        self.usages: set[int] = set()

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local_tag, self.remote_tag)

    def request(self, method: str, cseq: int | None = None) -> Request:
        """A request within the dialog without Via and Contact (RFC 3261 §12.2.1.1); `cseq` for ACK only."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        uri: AnyUri = self.target
        routes = self.route_set
        if routes:
            first = parse_name_addr(routes[0]).uri
            if not (isinstance(first, SipUri) and first.is_loose):
                # RFC 3261 §12.2.1.1: a strict router takes the Request-URI, the target goes last.
                uri = first
                routes = [*routes[1:], f"<{self.target}>"]
        headers = Headers()
        headers.add("max-forwards", "70")
        headers.add("from", self.local)
        headers.add("to", self.remote)
        headers.add("call-id", self.call_id)
        headers.add("cseq", f"{cseq} {method}")
        for route in routes:
            headers.add("route", route)
        return Request(method, uri, headers, b"")

    def next_hop(self) -> Hop:
        """Where the dialog's next request goes (RFC 3261 §8.1.2).

        A Contact or a route that names no host (§12.1.1 wants sip: or sips:) is reached as the far end was last; one
        that names the host at the other end of the dialog's connection, over that connection while it is up.
        """
        if self.pinned and not self.route_set:
            return self.flow
        uri = parse_name_addr(self.route_set[0]).uri if self.route_set else self.target
        if not isinstance(uri, SipUri):
            return self.flow
        target = target_of(uri)
        flow = self.flow
        if flow.connection is None or target.host != flow.remote[0]:
            return target
        if uri.transport is None:
            # It may have sent by TCP for the size of a request only (§18.1.1), but nobody leaves TLS by the way.
            return Reuse(flow, Target(target.host, target.port, "TLS") if flow.transport == "TLS" else target)
        return Reuse(flow, target) if target.transport == flow.transport else target

    def refresh(self, message: Request | Response) -> None:
        """Take a new remote target (RFC 3261 §12.2.1.2, §12.2.2); one that cannot be read changes nothing."""
        try:
            contacts = message.contacts
        except MalformedHeader:
            return
        if contacts:
            self.target = contacts[0].uri

    def state(self) -> dict[str, object]:
        """The dialog as plain data, for a checkpoint."""
        return {
            "call_id": self.call_id,
            "local_tag": self.local_tag,
            "remote_tag": self.remote_tag,
            "local": self.local,
            "remote": self.remote,
            "local_cseq": self.local_cseq,
            "remote_cseq": self.remote_cseq,
            "route_set": list(self.route_set),
            "target": str(self.target),
            "flow": [self.flow.listener, self.flow.transport, list(self.flow.local), list(self.flow.remote)],
            "pinned": self.pinned,
        }


def target_of(uri: AnyUri) -> Target:
    """The next hop of a SIP URI (RFC 3263 §4). Raises MalformedHeader for schemes that name no host."""
    if not isinstance(uri, SipUri):
        raise MalformedHeader(f"cannot route to a {uri.scheme}: URI", "Request-URI", status=416)
    transport = (uri.transport or "udp").upper()
    if uri.scheme == "sips":
        # RFC 3261 §26.2.2: TLS whatever it runs over; a WebSocket is secured in its own way.
        transport = "WSS" if transport in ("WS", "WSS") else "TLS"
    return Target(uri.param("maddr") or uri.host, uri.port, transport)


def answered_dialog(request: Request, flow: Flow, local_tag: str, contact_user: str, exchange: OfferAnswer) -> Dialog:
    """The dialog of an INVITE that we answer (RFC 3261 §12.1.1). Raises MalformedHeader without a usable Contact."""
    contacts = request.contacts
    if not contacts or request.contact_is_star:
        raise MalformedHeader("an INVITE needs a Contact", "Contact")
    to = request.headers.get("to") or ""
    via = request.top_via
    return Dialog(
        call_id=request.call_id,
        local_tag=local_tag,
        remote_tag=request.from_tag or "",
        local=f"{to};tag={local_tag}",
        remote=request.headers.get("from") or "",
        local_cseq=0,
        remote_cseq=request.cseq.number,
        route_set=[str(route) for route in request.record_routes],
        target=contacts[0].uri,
        flow=flow,
        # The sender's own idea of its address is wrong: it sits behind a NAT.
        # A connection comes from some port or other, which says nothing.
        pinned=via.host != flow.remote[0]
        or (not flow.reliable and via.wants_rport and (via.port or 5060) != flow.remote[1]),
        contact_user=contact_user,
        exchange=exchange,
    )


def calling_dialog(
    request: Request, response: Response, flow: Flow, pinned: bool, contact_user: str, exchange: OfferAnswer
) -> Dialog:
    """The dialog that a 1xx or 2xx to our INVITE makes (RFC 3261 §12.1.2)."""
    contacts = response.contacts
    target = contacts[0].uri if contacts else request.uri
    return Dialog(
        call_id=request.call_id,
        local_tag=request.from_tag or "",
        remote_tag=response.to_tag or "",
        local=request.headers.get("from") or "",
        remote=response.headers.get("to") or "",
        local_cseq=request.cseq.number,
        remote_cseq=None,
        route_set=[str(route) for route in reversed(response.record_routes)],
        target=target,
        flow=flow,
        pinned=pinned,
        contact_user=contact_user,
        exchange=exchange,
    )

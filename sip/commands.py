"""Commands: what the stack's user asks of it. Header values are given as they stand on the wire, without line ends."""

from __future__ import annotations

from dataclasses import dataclass

from sip.flow import Flow, Target

HeaderPairs = tuple[tuple[str, str], ...]
"""Header fields as (long name in lower case, value)."""

SDP = "application/sdp"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendInvite:
    """Start a call. `send` returns the number of its usage.

    `from_` and `to` are name-addr values without tag; `uri` is the Request-URI; `contact_user` the user part
    of our Contact, decoded.
    """

    target: Flow | Target
    uri: str
    from_: str
    to: str
    contact_user: str
    body: bytes = b""
    headers: HeaderPairs = ()
    call_id: str | None = None
    max_forwards: int = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer an INVITE (`usage`) or another request (`tx`): exactly one of the two is given."""

    usage: int | None = None
    tx: int | None = None
    status: int
    reason: str | None = None
    headers: HeaderPairs = ()
    body: bytes = b""
    content_type: str = SDP


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Acknowledge a 2xx that carried an offer; `body` is the answer."""

    usage: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prack:
    """Acknowledge a reliable response that carried an offer (RFC 3262 §5); `early` is that of `InviteProgress`."""

    usage: int
    early: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Give up an INVITE of ours. The usage is over for its user: whatever comes later, the stack deals with."""

    usage: int
    headers: HeaderPairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """End an answered usage. Where the 2xx of ours is not yet acknowledged, the BYE waits for that (RFC 3261 §15)."""

    usage: int
    headers: HeaderPairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendInDialog:
    """Send a request within the usage's dialog. `send` returns the number of its transaction."""

    usage: int
    method: str
    headers: HeaderPairs = ()
    body: bytes = b""
    content_type: str = SDP


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """Send a request outside any dialog. `send` returns the number of its transaction."""

    target: Flow | Target
    method: str
    uri: str
    from_: str
    to: str
    headers: HeaderPairs = ()
    body: bytes = b""
    content_type: str = SDP
    call_id: str | None = None
    cseq: int = 1


Command = SendInvite | Respond | Ack | Prack | Cancel | Bye | SendInDialog | SendRequest

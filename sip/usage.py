"""The INVITE usage of a dialog (RFC 5057 §4): one call leg as the stack sees it, from INVITE to BYE."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sip.offer_answer import Carrier, OfferAnswer

if TYPE_CHECKING:
    from sip.awaited import Accepted, Reliable
    from sip.commands import Bye, HeaderPairs
    from sip.dialog import Dialog
    from sip.flow import Flow
    from sip.interval import SessionTimer
    from sip.message import Request
    from sip.transaction import Transaction


class Phase(IntEnum):
    """What the usage may still do; it never goes back."""

    INVITING = 1
    UP = 2
    ENDING = 3
    """Over for its user; the stack still finishes a BYE or a CANCEL."""
    DOWN = 4


class InviteUsage:
    """One INVITE usage. `earlies` holds the early dialogs by remote tag, `dialog` the one that counts."""

    __slots__ = (
        "accepted",
        "ack_due",
        "acks",
        "bye_wait",
        "cancel_headers",
        "cancelled",
        "contact_user",
        "dialog",
        "earlies",
        "exchange",
        "ident",
        "local_tag",
        "outbound",
        "phase",
        "pinned",
        "reinvite",
        "reliable",
        "request",
        "served",
        "session_timer",
        "tx",
    )

    def __init__(self, *, ident: int, outbound: bool, request: Request, local_tag: str, contact_user: str) -> None:
        self.ident = ident
        self.outbound = outbound
        self.request = request
        self.local_tag = local_tag
        self.contact_user = contact_user
        self.phase = Phase.INVITING
        self.tx: Transaction | None = None
        self.dialog: Dialog | None = None
        self.earlies: dict[str, Dialog] = {}
        self.exchange = OfferAnswer()
        self.accepted: Accepted | None = None
        self.bye_wait: Bye | None = None
        self.cancelled = False
        self.cancel_headers: HeaderPairs = ()
        self.pinned = False
        self.acks: dict[str, tuple[int, Flow, bytes]] = {}
        """The ACK of each 2xx by remote tag, with its CSeq and flow, for 2xx that come again."""
        self.ack_due: int | None = None
        """The CSeq of an INVITE of ours whose 2xx brought an offer: the user's answer goes into its ACK."""
        self.reinvite: ClientRequest | None = None
        """A re-INVITE of ours that awaits its final answer."""
        self.reliable: Reliable | None = None
        self.session_timer: SessionTimer | None = None
        self.served: dict[int, ServedRequest] = {}
        """Requests within the dialog that await the user's answer, by transaction."""


class ServedRequest:
    """A request of the far end that the user has still to answer."""

    __slots__ = ("carrier", "dialog", "opens", "request", "tx", "usage")

    def __init__(
        self,
        *,
        tx: Transaction,
        request: Request,
        usage: InviteUsage | None,
        carrier: Carrier | None,
        dialog: Dialog | None = None,
        opens: bool = False,
    ) -> None:
        self.tx = tx
        self.dialog = dialog
        self.request = request
        self.usage = usage
        self.carrier = carrier
        self.opens = opens
        """It opened an exchange of descriptions: a refusal takes that back."""


class ClientRequest:
    """A request of ours other than the first INVITE: what its answer belongs to."""

    __slots__ = ("carrier", "ident", "method", "opens", "silent", "tx", "usage")

    def __init__(
        self,
        *,
        ident: int,
        method: str,
        usage: InviteUsage | None,
        carrier: Carrier | None = None,
        silent: bool = False,
    ) -> None:
        self.ident = ident
        self.method = method
        self.usage = usage
        self.carrier = carrier
        self.opens = False
        """It opened an exchange of descriptions: a refusal takes that back."""
        self.tx: Transaction | None = None
        self.silent = silent
        """The stack sent it for itself (CANCEL, BYE): its answer interests nobody."""

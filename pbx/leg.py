"""Leg: one INVITE usage and one media port, from the first message to the last."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from pbx.leg_end import LegEnd
from pbx.reasons import Party

if TYPE_CHECKING:
    from media.client import Port
    from media.mix_state import Mix, Tap
    from media.offer_answer import Agreement
    from media.port_state import Player
    from media.sdp import SessionDescription
    from pbx.call import Call
    from pbx.digits import LegDigits


class LegState(IntEnum):
    """A leg never leaves DOWN."""

    NEW = 1
    RINGING = 2
    EARLY = 3
    """Sound flows before the answer."""
    UP = 4
    HELD = 5
    DOWN = 6


class LegOwner(Protocol):
    """Who has a leg: signals of it go to its inbox (`pbx.session.Session`)."""

    @property
    def call(self) -> Call: ...
    def post(self, signal: Any) -> None: ...


class LegGone(Exception):
    """A leg that the verb needs went down while it waited; `leg.end` says why."""

    def __init__(self, leg: Leg) -> None:
        super().__init__(f"leg {leg.id} is down")
        self.leg = leg


class Leg:
    """One leg. It has exactly one owner, the session whose `generation` of ownership it carries."""

    __slots__ = (
        "agreement",
        "answer_due",
        "call_id",
        "codecs",
        "detect",
        "device",
        "digits",
        "dtmf",
        "early_sdp",
        "end",
        "generation",
        "host",
        "id",
        "inbound",
        "kind",
        "local_sdp",
        "mix",
        "muted",
        "number",
        "offer_due",
        "on_answer",
        "owner",
        "peer",
        "player",
        "port",
        "port_revision",
        "remote_sdp",
        "sdp_id",
        "sdp_version",
        "sip_call_id",
        "source",
        "state",
        "takes_info",
        "tap",
        "trunk",
        "usage",
    )

    def __init__(
        self,
        *,
        id: str,
        kind: str,
        inbound: bool,
        usage: int,
        call_id: str,
        owner: LegOwner,
        host: str,
        source: str | None,
        number: str | None,
        device: str | None,
        trunk: str | None,
        codecs: tuple[str, ...],
        sdp_id: int,
        sip_call_id: str | None,
    ) -> None:
        self.id = id
        self.kind = kind
        self.inbound = inbound
        self.usage = usage
        self.call_id = call_id
        self.owner = owner
        self.generation = 1
        self.host = host
        """Our address as this leg's far end reaches it, for its session descriptions."""
        self.source = source
        self.number = number
        self.device = device
        self.trunk = trunk
        self.codecs = codecs
        """Codec names that the leg's device or trunk may use, preferred first."""
        self.state = LegState.NEW
        self.sip_call_id = sip_call_id
        self.port: Port | None = None
        self.port_revision = 0
        self.peer: Leg | None = None
        """The leg whose sound this one hears."""
        self.player: Player | None = None
        self.muted = False
        """What its far end sends is not passed on: it holds the call."""
        self.mix: Mix | None = None
        """Its place in a room of several; two legs that hear each other need none."""
        self.detect: tuple[str, ...] = ()
        """What is listened for in its far end's sound."""
        self.tap: Tap | None = None
        """Where what it says is being recorded."""
        self.digits: LegDigits | None = None
        """Keys on their way; made for the first of them."""
        self.dtmf = "auto"
        """How keys travel from and to its far end (`pbx.schema.values.Dtmf`)."""
        self.takes_info = True
        """The far end did not say that INFO is not for it."""
        self.agreement: Agreement | None = None
        self.remote_sdp: SessionDescription | None = None
        self.local_sdp: SessionDescription | None = None
        self.early_sdp = b""
        """The body that `agreement` was concluded from, to know it again in the 2xx."""
        self.answer_due = False
        """Our 2xx carried the offer: the ACK brings the answer."""
        self.offer_due = False
        """An offer of ours crossed one of the far end's and is made again soon."""
        self.on_answer: list[Callable[[], None]] = []
        """What is written down once our 2xx, which waits for a PRACK, has gone out."""
        self.sdp_id = sdp_id
        self.sdp_version = 0
        self.end: LegEnd | None = None

    @property
    def down(self) -> bool:
        return self.state is LegState.DOWN

    @property
    def party(self) -> Party:
        """Who the far end of this leg is in the records."""
        return Party.CALLER if self.kind == "caller" else Party.CALLEE

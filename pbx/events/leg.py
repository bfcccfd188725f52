"""Events of one leg of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStarted(Event):
    """A leg exists. `kind` is its part in the call (caller, callee, ...), `direction` in or out."""

    code: ClassVar[int] = 20
    type: ClassVar[str] = "leg.started"

    call: str
    leg: str
    kind: str
    direction: str
    number: str | None
    device: str | None
    trunk: str | None
    sip_call_id: str | None
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging(Event):
    """The far end rings, or sends sound before the answer."""

    code: ClassVar[int] = 21
    type: ClassVar[str] = "ringing"

    call: str
    leg: str
    early_media: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered(Event):
    """A leg is up, speaking `codec`."""

    code: ClassVar[int] = 22
    type: ClassVar[str] = "answered"

    call: str
    leg: str
    codec: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(Event):
    """A leg is down for good; `sip_code`, `sip_text` and `q850` are as they came, or as sent."""

    code: ClassVar[int] = 23
    type: ClassVar[str] = "leg.ended"

    call: str
    leg: str
    reason: str
    sip_code: int | None
    sip_text: str | None
    q850: int | None
    party: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegHeld(Event):
    """The far end of a leg put the call on hold."""

    code: ClassVar[int] = 25
    type: ClassVar[str] = "hold"

    call: str
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegResumed(Event):
    """The far end of a leg took the call back from hold."""

    code: ClassVar[int] = 26
    type: ClassVar[str] = "resume"

    call: str
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMedia(Event):
    """What a leg's media port counted in its life; may come after the call's end.

    `lost_in` is packets missing of what the leg sent us, `far_lost` what it reported missing of ours
    (RFC 3550 §6.4.1); `latched` is the ip:port it really sent from, `advertised` the one in its session
    description. `direction` is what we could do at the end, `silent_ms` how long nothing had come by then; `late`
    packets came, but too late for the mixer to be heard.
    """

    code: ClassVar[int] = 24
    type: ClassVar[str] = "leg.media"

    call: str
    leg: str
    packets_in: int
    packets_out: int
    lost_in: int
    jitter_ms: float | None
    rtt_ms: float | None
    far_lost: int | None
    latched: str | None
    mos: float | None
    advertised: str | None = None
    direction: str | None = None
    silent_ms: int | None = None
    dropped_foreign: int = 0
    dropped_payload_type: int = 0
    late: int = 0

"""Events of a call as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCreated(Event):
    """A first INVITE was accepted for treatment. `direction` is internal, inbound or outbound."""

    code: ClassVar[int] = 10
    type: ClassVar[str] = "call.created"

    call: str
    tenant: str | None
    direction: str
    call_type: str
    sip_call_id: str | None
    source: str | None
    caller: str | None
    caller_name: str | None
    called: str | None
    device: str | None
    extension: str | None
    trunk: str | None
    did: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRouted(Event):
    """A destination was chosen; `called_final` is the number after all rewriting."""

    code: ClassVar[int] = 11
    type: ClassVar[str] = "call.routed"

    call: str
    destination_type: str
    destination: str | None
    called_final: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(Event):
    """The caller was answered, by leg `leg` (None: by the server itself, as a prompt does)."""

    code: ClassVar[int] = 12
    type: ClassVar[str] = "call.answered"

    call: str
    leg: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBridged(Event):
    """Two legs hear each other."""

    code: ClassVar[int] = 13
    type: ClassVar[str] = "bridged"

    call: str
    leg_a: str
    leg_b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """All legs are down. `legs_with_media` says how many `LegMedia` belong to the call."""

    code: ClassVar[int] = 14
    type: ClassVar[str] = "call.ended"

    call: str
    reason: str
    result: str
    party: str | None
    sip_code: int | None
    sip_text: str | None
    q850: int | None
    legs_with_media: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Event):
    """A call's resumable state: plain data (dict, tuple, str, int, float, bool, None, bytes).

    Lists come back from the log as tuples.
    """

    code: ClassVar[int] = 15
    type: ClassVar[str] = "call.checkpoint"

    call: str
    state: dict[str, Any]

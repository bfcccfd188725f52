"""LegEnd: why a leg went down, as SIP said it and as SIP is told (RFC 3326, RFC 3398)."""

from __future__ import annotations

from dataclasses import dataclass

from pbx.reasons import REASONS, Party, Reason, from_sip, to_q850
from sip.errors import MalformedHeader
from sip.events import InviteFailed
from sip.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnd:
    """Why a leg went down; `status` and `text` are SIP's, as they came or as we sent them."""

    reason: Reason
    party: Party | None
    status: int | None = None
    text: str | None = None
    q850: int | None = None


def failed_end(event: InviteFailed) -> LegEnd:
    """Why an outbound leg failed, from its final answer or from the lack of one."""
    response = event.response
    if response is None:
        # Nobody answered at all: the phone is off, the peer is gone.
        return LegEnd(reason=Reason.OFFLINE, party=Party.SYSTEM, status=event.status, text=event.cause, q850=20)
    q850 = reason_cause(response)
    return LegEnd(
        reason=from_sip(event.status, q850),
        party=Party.CALLEE,
        status=event.status,
        text=response.reason,
        q850=q850 if q850 is not None else to_q850(event.status),
    )


def reason_cause(message: Message) -> int | None:
    """The Q.850 cause of a message's Reason header (RFC 3326)."""
    if "reason" not in message.headers:
        return None
    try:
        reasons = message.reason_header
    except MalformedHeader:
        return None  # It only informs: the call ends all the same.
    for reason in reasons:
        if reason.protocol.upper() == "Q.850" and reason.cause is not None:
            return reason.cause
    return None


def reason_header(end: LegEnd) -> tuple[str, str]:
    """The Reason header of a BYE, CANCEL or refusal of ours."""
    q850 = end.q850 if end.q850 is not None else REASONS[end.reason].q850
    return ("reason", f'Q.850;cause={q850};text="{end.reason.value}"')

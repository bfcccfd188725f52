"""Why a call ended: the closed list of reasons, with SIP status and Q.850 cause of each.

Q.850 to SIP and back follow RFC 3398 §7.2.4.1 and §8.2.6.1; where that RFC leaves a status open
(487, 488, 606) the choice is noted beside the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Result(StrEnum):
    """Outcome of a call in one word."""

    ANSWERED = "answered"
    MISSED = "missed"
    ABANDONED = "abandoned"
    BUSY = "busy"
    FAILED = "failed"
    BLOCKED = "blocked"


class Party(StrEnum):
    """Who ended a call or a leg."""

    CALLER = "caller"
    CALLEE = "callee"
    AGENT = "agent"
    SYSTEM = "system"
    SUPERVISOR = "supervisor"


class Reason(StrEnum):
    """Why a call or a leg ended; the list grows by release only."""

    NORMAL = "normal"
    CALLER_CANCELLED = "caller_cancelled"
    IVR_ABANDON = "ivr_abandon"
    IVR_END = "ivr_end"
    QUEUE_ABANDON = "queue_abandon"
    RING_ABANDON = "ring_abandon"
    QUEUE_TIMEOUT = "queue_timeout"
    QUEUE_FULL = "queue_full"
    QUEUE_EMPTY = "queue_empty"
    QUEUE_EMPTIED = "queue_emptied"
    QUEUE_NO_AGENT = "queue_no_agent"
    AGENT_NO_ANSWER = "agent_no_answer"
    AGENT_REJECT = "agent_reject"
    NO_ANSWER = "no_answer"
    OFFLINE = "offline"
    BUSY = "busy"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    POWERED_OFF = "powered_off"
    OUT_OF_SERVICE = "out_of_service"
    CALLEE_ARREARS = "callee_arrears"
    CARRIER_ERROR = "carrier_error"
    CODEC_MISMATCH = "codec_mismatch"
    MEDIA_TIMEOUT = "media_timeout"
    MEDIA_FAILED = "media_failed"
    NO_TRUNK = "no_trunk"
    NO_ROUTE = "no_route"
    NO_CLI = "no_cli"
    NO_RATE = "no_rate"
    BLOCKED_LIST = "blocked_list"
    BLOCKED_ALLOW = "blocked_allow"
    BLOCKED_DNC = "blocked_dnc"
    BLOCKED_LOCK = "blocked_lock"
    BLOCKED_LIMIT = "blocked_limit"
    BLOCKED_CAPACITY = "blocked_capacity"
    BLOCKED_CREDIT = "blocked_credit"
    BLOCKED_PERMISSION = "blocked_permission"
    BLOCKED_QUOTA = "blocked_quota"
    AGENT_BUSY = "agent_busy"
    MAPPING_FAILED = "mapping_failed"
    CREDIT_EXHAUSTED = "credit_exhausted"
    MAX_DURATION = "max_duration"
    OFF_HOURS = "off_hours"
    TRANSFERRED = "transferred"
    TRANSFERRED_EXTERNAL = "transferred_external"
    FORWARDED = "forwarded"
    PICKED_UP = "picked_up"
    PARKED_TIMEOUT = "parked_timeout"
    VOICEMAIL = "voicemail"
    FAX = "fax"
    MACHINE = "machine"
    DIALER_ABANDON = "dialer_abandon"
    SUPERVISOR_RELEASE = "supervisor_release"
    DESTINATION_UNAVAILABLE = "destination_unavailable"
    LOOP = "loop"
    IVR_ERROR = "ivr_error"
    SYSTEM_ERROR = "system_error"
    NODE_LOST = "node_lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """What follows from a reason.

    `result` holds for a call that was never answered (an answered call's result is `answered`);
    `sip_status` refuses an unanswered INVITE, None where such a call only ever ends by BYE;
    `q850` goes into a Reason header (RFC 3326).
    """

    result: Result
    sip_status: int | None
    q850: int


REASONS: Final[dict[Reason, ReasonFacts]] = {
    Reason.NORMAL: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.CALLER_CANCELLED: ReasonFacts(Result.ABANDONED, 487, 16),
    Reason.IVR_ABANDON: ReasonFacts(Result.ABANDONED, 487, 16),
    Reason.IVR_END: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.QUEUE_ABANDON: ReasonFacts(Result.ABANDONED, 487, 16),
    Reason.RING_ABANDON: ReasonFacts(Result.ABANDONED, 487, 16),
    Reason.QUEUE_TIMEOUT: ReasonFacts(Result.MISSED, 480, 18),
    Reason.QUEUE_FULL: ReasonFacts(Result.MISSED, 480, 18),
    Reason.QUEUE_EMPTY: ReasonFacts(Result.MISSED, 480, 18),
    Reason.QUEUE_EMPTIED: ReasonFacts(Result.MISSED, 480, 18),
    Reason.QUEUE_NO_AGENT: ReasonFacts(Result.MISSED, 480, 18),
    Reason.AGENT_NO_ANSWER: ReasonFacts(Result.MISSED, 480, 19),
    Reason.AGENT_REJECT: ReasonFacts(Result.MISSED, 603, 21),
    Reason.NO_ANSWER: ReasonFacts(Result.MISSED, 480, 19),
    Reason.OFFLINE: ReasonFacts(Result.MISSED, 480, 20),
    Reason.BUSY: ReasonFacts(Result.BUSY, 486, 17),
    Reason.REJECTED: ReasonFacts(Result.MISSED, 603, 21),
    Reason.INVALID_NUMBER: ReasonFacts(Result.FAILED, 404, 1),
    Reason.POWERED_OFF: ReasonFacts(Result.MISSED, 480, 20),
    Reason.OUT_OF_SERVICE: ReasonFacts(Result.FAILED, 480, 27),
    Reason.CALLEE_ARREARS: ReasonFacts(Result.FAILED, 480, 20),
    Reason.CARRIER_ERROR: ReasonFacts(Result.FAILED, 503, 38),
    Reason.CODEC_MISMATCH: ReasonFacts(Result.FAILED, 488, 65),
    Reason.MEDIA_TIMEOUT: ReasonFacts(Result.FAILED, None, 41),
    Reason.MEDIA_FAILED: ReasonFacts(Result.FAILED, 503, 47),
    Reason.NO_TRUNK: ReasonFacts(Result.FAILED, 503, 34),
    Reason.NO_ROUTE: ReasonFacts(Result.FAILED, 404, 3),
    Reason.NO_CLI: ReasonFacts(Result.FAILED, 403, 21),
    Reason.NO_RATE: ReasonFacts(Result.FAILED, 403, 21),
    Reason.BLOCKED_LIST: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.BLOCKED_ALLOW: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.BLOCKED_DNC: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.BLOCKED_LOCK: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.BLOCKED_LIMIT: ReasonFacts(Result.BLOCKED, 486, 17),
    Reason.BLOCKED_CAPACITY: ReasonFacts(Result.BLOCKED, 486, 17),
    Reason.BLOCKED_CREDIT: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.BLOCKED_PERMISSION: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.BLOCKED_QUOTA: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.AGENT_BUSY: ReasonFacts(Result.BUSY, 486, 17),
    Reason.MAPPING_FAILED: ReasonFacts(Result.FAILED, 403, 21),
    Reason.CREDIT_EXHAUSTED: ReasonFacts(Result.BLOCKED, 403, 21),
    Reason.MAX_DURATION: ReasonFacts(Result.FAILED, None, 16),
    Reason.OFF_HOURS: ReasonFacts(Result.MISSED, 480, 16),
    Reason.TRANSFERRED: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.TRANSFERRED_EXTERNAL: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.FORWARDED: ReasonFacts(Result.MISSED, None, 16),
    Reason.PICKED_UP: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.PARKED_TIMEOUT: ReasonFacts(Result.MISSED, None, 16),
    Reason.VOICEMAIL: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.FAX: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.MACHINE: ReasonFacts(Result.ANSWERED, None, 16),
    Reason.DIALER_ABANDON: ReasonFacts(Result.ABANDONED, None, 16),
    Reason.SUPERVISOR_RELEASE: ReasonFacts(Result.FAILED, 500, 41),
    Reason.DESTINATION_UNAVAILABLE: ReasonFacts(Result.FAILED, 500, 41),
    Reason.LOOP: ReasonFacts(Result.FAILED, 500, 41),
    Reason.IVR_ERROR: ReasonFacts(Result.FAILED, 500, 41),
    Reason.SYSTEM_ERROR: ReasonFacts(Result.FAILED, 500, 41),
    Reason.NODE_LOST: ReasonFacts(Result.FAILED, 500, 41),
    Reason.UNKNOWN: ReasonFacts(Result.FAILED, 500, 41),
}

# RFC 3398 §7.2.4.1, SIP status -> ISUP cause.
SIP_TO_Q850: Final[dict[int, int]] = {
    400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22,
    413: 127, 414: 127, 415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 480: 18, 481: 41, 482: 25,
    483: 25, 484: 28, 485: 1, 486: 17, 500: 41, 501: 79, 502: 38, 503: 41, 504: 102, 505: 127,
    513: 127, 600: 17, 603: 21, 604: 1,
    487: 16,  # answers our own CANCEL, which RFC 3398 §7.2.3 gives cause 16
    488: 65, 606: 65,  # the RFC leaves them to the Warning header; 65 is what comes back as 488
}  # fmt: skip

# RFC 3398 §8.2.6.1, ISUP cause -> SIP status.
Q850_TO_SIP: Final[dict[int, int]] = {
    1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403, 22: 410, 23: 410, 26: 404,
    27: 502, 28: 484, 29: 501, 31: 480, 34: 503, 38: 503, 41: 503, 42: 503, 47: 503, 55: 403, 57: 403,
    58: 503, 65: 488, 70: 488, 79: 501, 87: 403, 88: 503, 102: 504, 111: 500, 127: 500,
}  # fmt: skip

# What a far end's cause says about the call. 16, 31 and 127 say nothing: the status decides.
_REASON_BY_Q850: Final[dict[int, Reason]] = {
    1: Reason.INVALID_NUMBER, 2: Reason.NO_ROUTE, 3: Reason.NO_ROUTE, 17: Reason.BUSY, 18: Reason.NO_ANSWER,
    19: Reason.NO_ANSWER, 20: Reason.OFFLINE, 21: Reason.REJECTED, 22: Reason.INVALID_NUMBER,
    25: Reason.LOOP, 26: Reason.INVALID_NUMBER, 27: Reason.OUT_OF_SERVICE, 28: Reason.INVALID_NUMBER,
    34: Reason.CARRIER_ERROR, 38: Reason.CARRIER_ERROR, 41: Reason.CARRIER_ERROR, 42: Reason.CARRIER_ERROR,
    44: Reason.CARRIER_ERROR, 46: Reason.CARRIER_ERROR, 47: Reason.CARRIER_ERROR,
    58: Reason.CODEC_MISMATCH, 65: Reason.CODEC_MISMATCH, 70: Reason.CODEC_MISMATCH,
    88: Reason.CODEC_MISMATCH,
}  # fmt: skip

_REASON_BY_STATUS: Final[dict[int, Reason]] = {
    401: Reason.CARRIER_ERROR, 402: Reason.CARRIER_ERROR, 407: Reason.CARRIER_ERROR,
    403: Reason.REJECTED, 404: Reason.INVALID_NUMBER, 408: Reason.NO_ANSWER, 410: Reason.INVALID_NUMBER,
    415: Reason.CODEC_MISMATCH, 480: Reason.NO_ANSWER, 482: Reason.LOOP, 483: Reason.LOOP,
    484: Reason.INVALID_NUMBER, 485: Reason.INVALID_NUMBER, 486: Reason.BUSY, 487: Reason.CALLER_CANCELLED,
    488: Reason.CODEC_MISMATCH, 600: Reason.BUSY, 603: Reason.REJECTED, 604: Reason.INVALID_NUMBER,
    606: Reason.CODEC_MISMATCH, 607: Reason.REJECTED, 608: Reason.REJECTED,
}  # fmt: skip


def from_sip(status: int, q850: int | None = None) -> Reason:
    """Reason for a far end's final response; a Q.850 cause of its Reason header wins (RFC 3326 §2).

    An unmapped pair is `Reason.UNKNOWN`: the caller keeps the raw codes beside it.
    """
    if q850 is not None and (reason := _REASON_BY_Q850.get(q850)) is not None:
        return reason
    # RFC 3261 §8.1.3.2: an unknown status counts as the x00 of its class.
    if (reason := _REASON_BY_STATUS.get(status) or _REASON_BY_STATUS.get(status // 100 * 100)) is not None:
        return reason
    if 200 <= status < 300:
        return Reason.NORMAL
    return Reason.CARRIER_ERROR if 500 <= status < 600 else Reason.UNKNOWN


def to_q850(status: int) -> int:
    """Q.850 cause for a SIP status, RFC 3398 §7.2.4.1; 127 (interworking) for one not listed."""
    return 16 if 200 <= status < 300 else SIP_TO_Q850.get(status, 127)


def to_sip(cause: int) -> int:
    """SIP status for a Q.850 cause, RFC 3398 §8.2.6.1.

    Causes not listed take the default of their class (480 for classes 0 and 1, 503 for 2 and 3,
    500 for the rest); 16, which has no response in the RFC, gives 480 for an unanswered call.
    """
    if (status := Q850_TO_SIP.get(cause)) is not None:
        return status
    if cause < 32:
        return 480
    return 503 if cause < 64 else 500


def result_of(reason: Reason, *, answered: bool) -> Result:
    """Result of a call that ended for `reason`: an answered call is `answered` whatever ended it."""
    if answered:
        return Result.ANSWERED
    result = REASONS[reason].result
    # `normal` describes an answered call; without an answer nobody took it.
    return Result.MISSED if result is Result.ANSWERED else result

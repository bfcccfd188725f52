"""Media watch: a leg whose far end may send and has been silent for too long is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.agreement import AgreedFormat, Agreement
from pbx.leg import Leg, LegState
from pbx.leg_end import LegEnd
from pbx.reasons import Party, Reason

MEDIA_TIMEOUT: Final = LegEnd(reason=Reason.MEDIA_TIMEOUT, party=Party.SYSTEM, q850=41)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaWatch:
    """How long an answered leg may send no RTP; 0 is for ever.

    What it hears (another leg, a prompt, its own echo) makes no difference, and RTCP is no sound. A leg that is on
    hold, or that agreed to a format in which silence is not sent, has `hold_timeout_s`. One whose far end may not
    send is not watched.
    """

    rtp_timeout_s: int = 60
    hold_timeout_s: int = 3600

    def silence_ms(self, leg: Leg) -> int | None:
        """For how long a leg may be silent as things stand; None does not watch."""
        agreement = leg.agreement
        if leg.state not in (LegState.UP, LegState.HELD) or agreement is None or not agreement.may_receive:
            return None
        patient = leg.state is LegState.HELD or may_pause(agreement)
        return (self.hold_timeout_s if patient else self.rtp_timeout_s) * 1000 or None

    def timed_out(self, leg: Leg, silent_ms: int) -> bool:
        """Whether a leg that has been silent for so long is to end: it may have been put on hold just then."""
        limit_ms = self.silence_ms(leg)
        return limit_ms is not None and silent_ms >= limit_ms


def may_pause(agreement: Agreement) -> bool:
    """Whether a far end may stop sending while nobody speaks: it agreed to CN (RFC 3389), or to G.729 with annex B.

    Opus and AMR go on at a lower rate in such a pause (RFC 7587 §3.1.3, RFC 4867 §4.1): they are heard.
    """
    return any(form.name.lower() == "cn" for form in agreement.events) or any(
        form.name.lower() == "g729" and _has_annex_b(form) for form in agreement.formats
    )


def _has_annex_b(form: AgreedFormat) -> bool:
    # RFC 4856 §2.1.9: annex B unless the far end says no.
    return "annexb=no" not in (form.fmtp or "").lower().replace(" ", "")

"""What a call's events say of one leg."""

from __future__ import annotations

from typing import Final

from pbx.cdr.record import LegRecord
from pbx.events import LegEnded, LegMedia, LegStarted

UNKNOWN: Final = "unknown"


class LegFold:
    """What is known of one leg so far."""

    __slots__ = (
        "answer_at_ms",
        "codec",
        "early_media",
        "end_at_ms",
        "ended",
        "held_at_ms",
        "hold_count",
        "hold_ms",
        "media",
        "ring_at_ms",
        "start_at_ms",
        "started",
    )

    def __init__(self, at_ms: int) -> None:
        self.start_at_ms = at_ms
        self.ring_at_ms: int | None = None
        self.answer_at_ms: int | None = None
        self.end_at_ms: int | None = None
        self.early_media = False
        self.codec: str | None = None
        self.started: LegStarted | None = None
        self.ended: LegEnded | None = None
        self.media: LegMedia | None = None
        self.hold_count = 0
        self.hold_ms = 0
        self.held_at_ms: int | None = None

    def state(self) -> str:
        """Last state of the leg: down, up, early, ringing or new."""
        if self.end_at_ms is not None:
            return "down"
        if self.answer_at_ms is not None:
            return "up"
        if self.ring_at_ms is not None:
            return "early" if self.early_media else "ringing"
        return "new"

    def hold(self, at_ms: int) -> None:
        """The far end holds the call from now on."""
        if self.held_at_ms is None and self.end_at_ms is None:
            self.held_at_ms = at_ms
            self.hold_count += 1

    def resume(self, at_ms: int) -> None:
        """It does so no more, or the leg is down."""
        if self.held_at_ms is not None:
            self.hold_ms += at_ms - self.held_at_ms
            self.held_at_ms = None

    def record(self, call_id: str, leg_id: str, position: int) -> LegRecord:
        """The leg as a row."""
        started, ended, media = self.started, self.ended, self.media
        return LegRecord(
            call_id=call_id,
            position=position,
            leg_id=leg_id,
            kind=started.kind if started else UNKNOWN,
            direction=started.direction if started else UNKNOWN,
            number=started.number if started else None,
            device=started.device if started else None,
            trunk=started.trunk if started else None,
            sip_call_id=started.sip_call_id if started else None,
            address=started.address if started else None,
            state=self.state(),
            start_at_ms=self.start_at_ms,
            ring_at_ms=self.ring_at_ms,
            answer_at_ms=self.answer_at_ms,
            end_at_ms=self.end_at_ms,
            reason=ended.reason if ended else None,
            hangup_party=ended.party if ended else None,
            sip_code=ended.sip_code if ended else None,
            sip_text=ended.sip_text if ended else None,
            q850=ended.q850 if ended else None,
            codec=self.codec,
            early_media=self.early_media,
            packets_in=media.packets_in if media else None,
            packets_out=media.packets_out if media else None,
            lost_in=media.lost_in if media else None,
            far_lost=media.far_lost if media else None,
            jitter_ms=media.jitter_ms if media else None,
            rtt_ms=media.rtt_ms if media else None,
            mos=media.mos if media else None,
            latched=media.latched if media else None,
            hold_count=self.hold_count,
            hold_ms=self.hold_ms,
        )

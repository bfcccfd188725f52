"""Media report: what a port counted, put together with what its leg had agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.quality import mean_opinion_score
from pbx.events import LegMedia
from pbx.leg import LegState
from pbx.verdict import MediaFacts
from sip.flow import print_address

if TYPE_CHECKING:
    from media.event import PortStats
    from pbx.leg import Leg

_WITH_SOUND = (LegState.EARLY, LegState.UP, LegState.HELD)


def codec_of(leg: Leg) -> str | None:
    """The codec in use on a leg."""
    agreement = leg.agreement
    return agreement.formats[0].name if agreement is not None and agreement.formats else None


def advertised(leg: Leg) -> str | None:
    """Where the far end wants its media, `host:port`; None while it wants none."""
    agreement = leg.agreement
    if agreement is None or agreement.remote_rtp is None:
        return None
    return print_address(agreement.remote_rtp)


def leg_media(call: str, leg: Leg, stats: PortStats) -> LegMedia:
    """The last report of a leg's port."""
    jitter_ms = stats.jitter * 1000.0 / stats.clock_rate
    latched = stats.latched_to
    mos = None
    if stats.packets_received:
        unheard = max(0, stats.lost) + stats.late
        fraction = unheard / (stats.packets_received + max(0, stats.lost))
        mos = mean_opinion_score(codec_of(leg), fraction, jitter_ms, stats.rtt_ms)
    return LegMedia(
        call=call,
        leg=leg.id,
        packets_in=stats.packets_received,
        packets_out=stats.packets_sent,
        lost_in=max(0, stats.lost),
        jitter_ms=round(jitter_ms, 2),
        rtt_ms=stats.rtt_ms,
        far_lost=stats.far_lost,
        latched=None if latched is None else print_address(latched),
        mos=mos,
        advertised=advertised(leg),
        direction=None if leg.agreement is None else leg.agreement.direction,
        silent_ms=stats.received_ago_ms,
        dropped_foreign=stats.dropped_foreign,
        dropped_payload_type=stats.dropped_payload_type,
        late=stats.late,
    )


def live_facts(leg: Leg, stats: PortStats | None) -> MediaFacts:
    """What is known of a live leg's media; `stats` None: its port was not counted."""
    agreement = leg.agreement
    if agreement is None or leg.state not in _WITH_SOUND:
        return MediaFacts(over=False)
    if stats is None:
        return MediaFacts(
            over=False,
            counted=False,
            direction=agreement.direction,
            codec=codec_of(leg),
            advertised=advertised(leg),
        )
    return _facts(leg_media("", leg, stats), codec_of(leg), over=False)


def past_facts(media: LegMedia | None, codec: str | None) -> MediaFacts:
    """What was written down of a leg's media when it ended."""
    return MediaFacts(over=True) if media is None else _facts(media, codec, over=True)


def _facts(media: LegMedia, codec: str | None, *, over: bool) -> MediaFacts:
    return MediaFacts(
        over=over,
        direction=media.direction,
        codec=codec,
        advertised=media.advertised,
        latched=media.latched,
        packets_in=media.packets_in,
        packets_out=media.packets_out,
        lost_in=media.lost_in,
        far_lost=media.far_lost,
        jitter_ms=media.jitter_ms,
        rtt_ms=media.rtt_ms,
        silent_ms=media.silent_ms,
        dropped_foreign=media.dropped_foreign,
        dropped_payload_type=media.dropped_payload_type,
        late=media.late,
    )

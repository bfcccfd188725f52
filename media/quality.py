"""Speech quality from what a port counted: the E-model in the form that VoIP monitors use (ITU-T G.107, G.113)."""

from __future__ import annotations

from typing import Final, NamedTuple


class Impairment(NamedTuple):
    """What a codec takes from the rating by itself (Ie), and how well it bears lost packets (Bpl)."""

    equipment: float
    robustness: float


# Equipment impairment Ie and packet-loss robustness Bpl, random loss (ITU-T G.113 Appendix I).
IMPAIRMENTS: Final[dict[str, Impairment]] = {
    "pcmu": Impairment(0.0, 25.1),
    "pcma": Impairment(0.0, 25.1),
    "l16": Impairment(0.0, 25.1),
    "opus": Impairment(0.0, 25.1),
    "g722": Impairment(0.0, 25.1),
    "g729": Impairment(11.0, 19.0),
}

FRAME_MS: Final = 20.0
LOSSLESS_R: Final = 93.2


def mean_opinion_score(codec: str | None, fraction_lost: float, jitter_ms: float, rtt_ms: float | None) -> float | None:
    """MOS-CQE between 1.0 and 4.5 of what arrived; None for a codec whose impairment is not known.

    `fraction_lost` is 0..1. The delay is half the round trip, one frame, and a jitter buffer of twice the jitter.
    """
    impairment = IMPAIRMENTS.get(codec.lower()) if codec is not None else None
    if impairment is None:
        return None
    equipment, robustness = impairment
    loss_percent = 100.0 * min(max(fraction_lost, 0.0), 1.0)
    effective = equipment + (95.0 - equipment) * loss_percent / (loss_percent + robustness)
    delay_ms = (rtt_ms or 0.0) / 2 + FRAME_MS + 2 * jitter_ms
    delay = 0.024 * delay_ms + (0.11 * (delay_ms - 177.3) if delay_ms > 177.3 else 0.0)
    return round(_mos(LOSSLESS_R - delay - effective), 2)


def _mos(rating: float) -> float:
    """ITU-T G.107 Annex B."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    return 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating)

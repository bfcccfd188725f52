"""Speech quality from what a port counted: the E-model in the form that VoIP monitors use (ITU-T G.107, G.113).

All ratings are on the narrowband scale of G.107, on which 93.2 is a faultless call by G.711, whatever the codec, so
that calls compare. A wideband codec sounds better than this scale can say (G.107.1 rates it to 129): it counts as a
narrowband call without impairment, and its figure is a lower bound.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Impairment(NamedTuple):
    """What a codec takes from the rating by itself (Ie), and how well it bears lost packets (Bpl)."""

    equipment: float
    robustness: float


# With packets of 20 ms, losses that are concealed and fall at random. Codecs without an entry have no published value.
IMPAIRMENTS: Final[dict[str, Impairment]] = {
    # ITU-T G.113 Appendix I: G.711 with concealment (without it Bpl is 4.3).
    "pcmu": Impairment(0.0, 25.1),
    "pcma": Impairment(0.0, 25.1),
    "l16": Impairment(0.0, 25.1),
    # ITU-T G.113 Appendix I: G.729A and G.723.1 at 6.3 kbit/s, both with VAD.
    "g729": Impairment(11.0, 19.0),
    "g723": Impairment(15.0, 16.1),
    # ITU-T G.113 Appendix I has Ie of GSM-FR; Bpl is that of GSM-EFR, there being none of FR.
    "gsm": Impairment(20.0, 10.0),
    "gsm-efr": Impairment(5.0, 10.0),
    # There is no value on this scale. Ie is nought as said above. Bpl was measured beside G.711 with its 25.1: PESQ of
    # the same speech with 1 to 10 % of loss, concealed as here, is up to 0.15 lower by G.722 and 0.1 to 0.25 higher by
    # Opus (without in-band FEC, which hides most losses).
    "g722": Impairment(0.0, 23.0),
    "opus": Impairment(0.0, 28.0),
}
"""Lower-case codec name -> impairment."""

FRAME_MS: Final = 20.0
LOSSLESS_R: Final = 93.2
"""G.107 with all its default values."""


def mean_opinion_score(codec: str | None, fraction_lost: float, jitter_ms: float, rtt_ms: float | None) -> float | None:
    """MOS-CQE between 1.0 and 4.5 of what arrived; None for a codec whose impairment is not known.

    `fraction_lost` is 0..1 of what was not heard: packets that came too late count as lost. The delay is half the round
    trip, one frame, and a jitter buffer of twice the jitter.
    """
    impairment = IMPAIRMENTS.get(codec.lower()) if codec is not None else None
    if impairment is None:
        return None
    delay_ms = (rtt_ms or 0.0) / 2 + FRAME_MS + 2 * jitter_ms
    return round(score(rating(impairment, fraction_lost, delay_ms)), 2)


def rating(impairment: Impairment, fraction_lost: float, delay_ms: float) -> float:
    """R of a call with random loss (0..1) and a one-way delay, mouth to ear: 93.2 at best; may fall below 0."""
    loss_percent = 100.0 * min(max(fraction_lost, 0.0), 1.0)
    equipment, robustness = impairment
    # ITU-T G.107 (7-29), losses at random.
    effective = equipment + (95.0 - equipment) * loss_percent / (loss_percent + robustness)
    # Cole and Rosenbluth 2001: G.107's delay impairment without echo, in two straight lines.
    delay = 0.024 * delay_ms + (0.11 * (delay_ms - 177.3) if delay_ms > 177.3 else 0.0)
    return LOSSLESS_R - delay - effective


def score(rating: float) -> float:
    """MOS of a rating (ITU-T G.107 Annex B), 1.0 to 4.5."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    # Just above nought the formula dips below the scale's end.
    return max(1.0, 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating))

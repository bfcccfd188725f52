"""Codecs by name: what we offer for each, and which fmtp parameters change their bitstream."""

from __future__ import annotations

from typing import Final

from media.session_description import Format

CODEC_FORMATS: Final[dict[str, tuple[Format, ...]]] = {
    # RFC 7587 §4: always 48000/2; the payload type is the one browsers use.
    "opus": (Format(payload_type=111, name="opus", clock_rate=48000, channels=2, fmtp="useinbandfec=1"),),
    "g722": (Format(payload_type=9, name="G722", clock_rate=8000),),
    "pcma": (Format(payload_type=8, name="PCMA", clock_rate=8000),),
    "pcmu": (Format(payload_type=0, name="PCMU", clock_rate=8000),),
    # RFC 3551 §4.5.11; not offered unless it is asked for: 256 kbit/s.
    "l16": (
        Format(payload_type=118, name="L16", clock_rate=16000),
        Format(payload_type=119, name="L16", clock_rate=8000),
    ),
    # RFC 4733 §2.4.1; one per clock rate of the audio codecs beside it.
    "telephone-event": (
        Format(payload_type=101, name="telephone-event", clock_rate=8000, fmtp="0-15"),
        Format(payload_type=110, name="telephone-event", clock_rate=48000, fmtp="0-15"),
    ),
    "cn": (Format(payload_type=13, name="CN", clock_rate=8000),),
    # Passed through, never decoded here.
    "g729": (Format(payload_type=18, name="G729", clock_rate=8000, fmtp="annexb=no"),),
    "gsm": (Format(payload_type=3, name="GSM", clock_rate=8000),),
    "ilbc": (Format(payload_type=97, name="iLBC", clock_rate=8000, fmtp="mode=30"),),
}
"""Lower-case codec name -> formats with the payload types that we offer by default."""

DEFAULT_CODECS: Final = ("opus", "g722", "pcma", "pcmu", "telephone-event", "cn")

COMPANIONS: Final = frozenset({"telephone-event", "cn"})
"""Formats that only go along with an audio codec of their clock rate."""

BITSTREAM_FMTP: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "ilbc": (("mode", "30"),),  # RFC 3952 §5
    "amr": (("octet-align", "0"), ("crc", "0"), ("interleaving", "0")),  # RFC 4867 §8
    "amr-wb": (("octet-align", "0"), ("crc", "0"), ("interleaving", "0")),
    "g7221": (("bitrate", ""),),  # RFC 5577 §4
}
"""Lower-case codec name -> (fmtp parameter, default); where these differ, packets cannot be relayed."""


def default_codecs() -> tuple[Format, ...]:
    """What we offer when nothing else is configured, in order of preference."""
    return tuple(item for name in DEFAULT_CODECS for item in CODEC_FORMATS[name])


def codec_formats(name: str) -> tuple[Format, ...]:
    """Formats of a codec by name in any case; () for a name that has no entry."""
    return CODEC_FORMATS.get(name.lower(), ())


def bitstream_key(name: str, clock_rate: int, channels: int, fmtp: str | None) -> tuple[object, ...]:
    """Equal for two formats whose packets are the same but for the payload type."""
    name = name.lower()
    varying = BITSTREAM_FMTP.get(name)
    if varying is None:
        return name, clock_rate, channels
    given = {}
    for part in (fmtp or "").split(";"):
        key, _, value = part.partition("=")
        given[key.strip().lower()] = value.strip()
    return name, clock_rate, channels, tuple([given.get(key, default) for key, default in varying])

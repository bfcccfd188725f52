"""Codecs that can be encoded and decoded here, by lower-case name."""

from __future__ import annotations

from typing import Final

from media.codecs.codec import BadPayload, Codec, Decoder, Encoder, Samples
from media.codecs.g711 import G711Decoder, G711Encoder, Law, codes, levels
from media.codecs.g722 import G722Decoder, G722Encoder
from media.codecs.l16 import L16Decoder, L16Encoder
from media.codecs.opus import opus_codec
from media.codecs.opus_library import opus_library
from media.quality import IMPAIRMENTS

__all__ = ["CODECS", "BadPayload", "Codec", "Decoder", "Encoder", "Samples", "codec_for", "missing"]


def _g711(name: str, law: Law) -> Codec:
    return Codec(
        name=name,
        clock_rate=8000,
        rates_hz=(8000,),
        octets_per_ms=8,
        impairment=IMPAIRMENTS[name.lower()],
        make_decoder=lambda rate_hz: G711Decoder(law),
        make_encoder=lambda rate_hz, fmtp: G711Encoder(law),
        levels=levels(law),
        codes=codes(law),
    )


def _l16(clock_rate: int) -> Codec:
    return Codec(
        name="L16",
        clock_rate=clock_rate,
        rates_hz=(clock_rate,),
        octets_per_ms=clock_rate // 500,
        impairment=IMPAIRMENTS["l16"],
        make_decoder=lambda rate_hz: L16Decoder(),
        make_encoder=lambda rate_hz, fmtp: L16Encoder(),
    )


_G722 = Codec(
    name="G722",
    clock_rate=8000,  # RFC 3551 §4.5.2: by an old mistake that is kept; the samples are at 16 kHz.
    rates_hz=(16000,),
    octets_per_ms=8,
    impairment=IMPAIRMENTS["g722"],
    make_decoder=lambda rate_hz: G722Decoder(),
    make_encoder=lambda rate_hz, fmtp: G722Encoder(),
)


def _opus() -> dict[str, Codec]:
    library = opus_library()
    return {} if isinstance(library, str) else {"opus": opus_codec(library)}


CODECS: Final[dict[str, Codec]] = {
    **_opus(),
    "pcmu": _g711("PCMU", "mu"),
    "pcma": _g711("PCMA", "a"),
    "g722": _G722,
    "l16": _l16(8000),
    "l16/16000": _l16(16000),
}
"""By lower-case name; a name with a clock rate is a further rate of the same encoding."""


def codec_for(name: str, clock_rate: int) -> Codec | None:
    """The codec of an `a=rtpmap` entry (name in any case), None where it cannot be decoded here."""
    name = name.lower()
    codec = CODECS.get(f"{name}/{clock_rate}") or CODECS.get(name)
    return codec if codec is not None and codec.clock_rate == clock_rate else None


def missing() -> dict[str, str]:
    """Codecs that this machine lacks: lower-case name -> why, and what to do."""
    library = opus_library()
    return {"opus": library} if isinstance(library, str) else {}

"""Mixing: which legs can be decoded here, and what the mix path is told of those that cannot be relayed."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Final

from media.agreement import relay_map
from media.mix_state import Heard, Mix, Voice

if TYPE_CHECKING:
    from media.offer_answer import AgreedFormat, Agreement
    from pbx.leg import Leg

OPUS_LIBRARY: Final = "libopus.so.0"
_WIDE: Final = frozenset({"opus", "g722"})
_ALWAYS: Final = ("g722", "pcma", "pcmu", "l16")
_L16_CLOCKS: Final = {8000: "l16", 16000: "l16/16000"}
_NARROW_HZ, _WIDE_HZ = 8000, 16000


@cache
def decodable() -> tuple[str, ...]:
    """Codecs that can be turned into sound and back here, preferred first; Opus where the system has its library."""
    try:
        ctypes.CDLL(OPUS_LIBRARY)
    except OSError:
        return _ALWAYS
    return ("opus", *_ALWAYS)


@cache
def missing() -> dict[str, str]:
    """Codecs that this machine lacks: name -> why, and what to do about it."""
    if "opus" in decodable():
        return {}
    return {"opus": f"{OPUS_LIBRARY} is not installed (Debian: libopus0); Opus is only passed through"}


def voice_of(agreement: Agreement | None) -> Voice | None:
    """How the mix path understands and speaks to a leg; None where no agreed codec can be decoded here."""
    if agreement is None:
        return None
    speak = next((one for one in map(_sent, agreement.formats) if one is not None), None)
    if speak is None:
        return None
    heard = [_received(form) for form in (*agreement.formats, *agreement.events)]
    return Voice(hear=tuple(one for one in heard if one is not None), speak=speak, ptime_ms=agreement.ptime_ms)


def is_wide(agreement: Agreement | None) -> bool:
    """Whether the codec in use carries more than 3.4 kHz."""
    return agreement is not None and bool(agreement.formats) and agreement.formats[0].name.lower() in _WIDE


def pair_mix(leg: Leg, peer: Leg) -> Mix | None:
    """The room in which two legs hear each other; None where they can be relayed, or one cannot be decoded.

    While a key is sent to one of them as a tone, they are not relayed.
    """
    if leg.agreement is None or peer.agreement is None:
        return None
    if speak_alike(leg.agreement, peer.agreement) and not _sends_tones(leg) and not _sends_tones(peer):
        return None
    if voice_of(leg.agreement) is None or voice_of(peer.agreement) is None:
        return None
    assert leg.port is not None
    assert peer.port is not None
    wide = is_wide(leg.agreement) and is_wide(peer.agreement)
    # Port ids are never used twice, so neither is the room of a pair.
    return Mix(room=min(leg.port.id, peer.port.id), rate_hz=_WIDE_HZ if wide else _NARROW_HZ, muted=leg.muted)


def _sends_tones(leg: Leg) -> bool:
    known = leg.digits
    return known is not None and known.sending is not None and known.sending.tones


def speak_alike(one: Agreement, other: Agreement) -> bool:
    """Whether an audio codec of each is understood by the other, so that packets can be passed on as they are."""
    if one.formats and other.formats:
        a, b = one.formats[0], other.formats[0]
        if a.name == b.name and a.clock_rate == b.clock_rate and a.fmtp == b.fmtp and a.channels == b.channels:
            return True  # As nearly always.
    return _reaches(one, other) and _reaches(other, one)


def _reaches(frm: Agreement, to: Agreement) -> bool:
    passed = {received for received, _ in relay_map(frm, to)}
    return any(form.receive_pt in passed for form in frm.formats)


def _name(form: AgreedFormat) -> str | None:
    name = form.name.lower()
    if name == "l16":
        return _L16_CLOCKS.get(form.clock_rate) if form.channels == 1 else None
    return name if name in decodable() else None


def _sent(form: AgreedFormat) -> Heard | None:
    name = _name(form)
    return None if name is None else Heard(payload_type=form.send_pt, codec=name, fmtp=form.fmtp)


def _received(form: AgreedFormat) -> Heard | None:
    name = "cn" if form.name.lower() == "cn" and form.clock_rate == _NARROW_HZ else _name(form)
    return None if name is None else Heard(payload_type=form.receive_pt, codec=name, fmtp=form.fmtp)

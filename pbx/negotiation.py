"""Negotiation: where SIP's offers and answers meet media's descriptions, under the codec and hold policy."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from media.codec import COMPANIONS, codec_formats
from media.offer_answer import Agreement, CodecMismatch, LocalEnd, conclude, make_answer, make_offer, relay_map
from media.port_state import PortState
from media.sdp import Format, SessionDescription, parse_sdp
from pbx import digits, mixing
from pbx.leg import Leg, LegState
from sip.body import UnsupportedBody, session_description
from sip.message import Request, Response

CNAME = "cordboard"
EVENTS = "telephone-event"

Preference = Literal["offerer", "local"]
"""Whose order of codecs counts."""


def body_of(message: Request | Response) -> bytes:
    """The session description of a message, out of a multipart too; b"" where there is none that we can read."""
    try:
        return session_description(message)
    except UnsupportedBody:
        return b""


def read_offer(leg: Leg, body: bytes) -> None:
    """Take the far end's offer. Raises SdpError."""
    leg.remote_sdp = parse_sdp(body)


def offered_formats(offer: SessionDescription, allowed: tuple[str, ...]) -> tuple[Format, ...]:
    """The first audio line's formats whose names (lower case) are allowed, in the offerer's order and numbers."""
    for line in offer.media:
        if line.kind == "audio" and line.port:
            return tuple(form for form in line.formats if form.name.lower() in allowed)
    return ()


def offers_any(leg: Leg, names: tuple[str, ...]) -> bool:
    """Whether the leg's far end offered one of these audio codecs, and the leg may use it."""
    offer = leg.remote_sdp
    if offer is None:
        return False
    allowed = tuple(name for name in names if name in leg.codecs)
    return any(form.name.lower() not in COMPANIONS for form in offered_formats(offer, allowed))


def answering(leg: Leg, agreement: Agreement) -> tuple[str, ...]:
    """Codecs to answer a leg with whose peer settled on `agreement`: the same, else what can be decoded here."""
    names = agreed_names(agreement)
    if offers_any(leg, names) or mixing.voice_of(agreement) is None:
        return names
    return tuple(name for name in leg.codecs if name in COMPANIONS or name in mixing.decodable())


def local_end(leg: Leg) -> LocalEnd:
    """Our side of a leg's next description; its version counts up (RFC 3264 §8)."""
    assert leg.port is not None
    leg.sdp_version += 1
    return LocalEnd(
        address=leg.host,
        rtp_port=leg.port.rtp_port,
        rtcp_port=leg.port.rtcp_port,
        session_id=leg.sdp_id,
        version=leg.sdp_version,
    )


def own_formats(names: tuple[str, ...]) -> tuple[Format, ...]:
    """Formats of ours for codec names, with the payload types that we number them by."""
    return tuple(form for name in names for form in codec_formats(name))


def write_offer(leg: Leg, formats: tuple[Format, ...]) -> bytes:
    """Make our offer to a leg; its other media lines stay, refused (RFC 3264 §8). Raises CodecMismatch."""
    leg.local_sdp = make_offer(local_end(leg), _with_events(leg, formats), previous=leg.remote_sdp)
    return leg.local_sdp.encode()


def _with_events(leg: Leg, formats: tuple[Format, ...]) -> tuple[Format, ...]:
    """The formats, and telephone-event whatever the other leg has: keys are made anew in its form."""
    if EVENTS not in leg.codecs:
        return formats
    known = [form.clock_rate for form in formats if form.name.lower() == EVENTS]
    return (*formats, *(form for form in codec_formats(EVENTS) if form.clock_rate not in known))


def take_answer(leg: Leg, body: bytes) -> None:
    """Conclude our offer with the far end's answer. Raises SdpError or CodecMismatch."""
    if body == leg.early_sdp and leg.agreement is not None:
        return
    assert leg.local_sdp is not None
    answer = parse_sdp(body)
    agreement = conclude(leg.local_sdp, answer)
    _check_family(leg, agreement)
    leg.agreement = agreement
    leg.remote_sdp = answer
    leg.early_sdp = body


def write_answer(leg: Leg, codecs: tuple[str, ...], *, prefer: Preference = "offerer") -> bytes:
    """Answer the leg's offer within `codecs`. Raises CodecMismatch; nothing has changed then."""
    assert leg.remote_sdp is not None
    if EVENTS in leg.codecs and EVENTS not in codecs:
        # Whatever the other leg has: keys are made anew in its form.
        codecs = (*codecs, EVENTS)
    local_sdp, agreement = make_answer(leg.remote_sdp, local_end(leg), codecs, prefer=prefer)
    _check_family(leg, agreement)
    leg.local_sdp, leg.agreement = local_sdp, agreement
    return local_sdp.encode()


def _check_family(leg: Leg, agreement: Agreement) -> None:
    """Raise CodecMismatch for media in the other IP version than the leg's: nothing could be sent there."""
    remote = agreement.remote_rtp
    if remote is not None and (":" in remote[0]) != (":" in leg.host):
        raise CodecMismatch(f"media at {remote[0]} cannot be reached from {leg.host}: another IP version")


def rewrite_answer(leg: Leg) -> bytes:
    """The same answer once more, for a 2xx that follows its preview."""
    assert leg.local_sdp is not None
    return leg.local_sdp.encode()


def renew_offer(leg: Leg) -> bytes:
    """Our offer to a re-INVITE that brings none: what is in use, both ways again (RFC 3261 §14.2, RFC 6337 §5.3).

    Some systems resume a held call in this way.
    """
    assert leg.local_sdp is not None
    if any(line.port and line.direction != "sendrecv" for line in leg.local_sdp.media):
        leg.sdp_version += 1
        media = tuple(replace(line, direction="sendrecv") if line.port else line for line in leg.local_sdp.media)
        leg.local_sdp = replace(leg.local_sdp, version=str(leg.sdp_version), media=media)
    return leg.local_sdp.encode()


def agreed_names(agreement: Agreement) -> tuple[str, ...]:
    """Names of the codecs and event formats that both ends of an agreement use, in order."""
    return tuple(dict.fromkeys(form.name.lower() for form in (*agreement.formats, *agreement.events)))


def port_state(leg: Leg, silence_ms: int | None = None) -> PortState:
    """What the leg's port shall do: hear its far end, give that to the peer leg, play the leg's player.

    `silence_ms` is how long the far end may be silent.
    """
    relay_to = leg.peer
    agreement = leg.agreement
    if agreement is None:
        return PortState(send=False, cname=CNAME)
    mix = leg.mix
    if mix is not None and leg.state is LegState.HELD and not mix.muted:
        # Whatever its phone plays to a held party, the room does not hear it.
        mix = replace(mix, muted=True)
    if mix is None and relay_to is not None and relay_to is not leg and relay_to.port is not None:
        mix = mixing.pair_mix(leg, relay_to)
    if mix is not None:
        relay_to = None
    detect = (*leg.detect, "dtmf") if leg.dtmf == "inband" and "dtmf" not in leg.detect else leg.detect
    voice = mixing.voice_of(agreement) if mix is not None or detect else None
    to = relay_to.agreement if relay_to is not None else None
    accept = tuple(form.receive_pt for form in (*agreement.formats, *agreement.events))
    payload_map = relay_map(agreement, to) if to is not None else ()
    event_types = digits.event_types(agreement)
    return PortState(
        remote_rtp=_numeric(agreement.remote_rtp),
        remote_rtcp=_numeric(agreement.remote_rtcp),
        send=agreement.direction in ("sendrecv", "sendonly"),
        receive=agreement.direction in ("sendrecv", "recvonly"),
        accept=accept,
        clock_rate=agreement.formats[0].clock_rate if agreement.formats else 8000,
        relay_to=None if leg.muted or relay_to is None or relay_to.port is None or to is None else relay_to.port.id,
        payload_map=payload_map,
        player=leg.player,
        cname=CNAME,
        silence_ms=silence_ms,
        event_types=event_types,
        digits=digits.port_policy(agreement, payload_map, leg.peer) if event_types else "pass",
        send_digits=None if leg.digits is None else leg.digits.sending,
        voice=voice,
        mix=mix if voice is not None else None,
        detect=detect,
        tap=leg.tap,
    )


def _numeric(address: tuple[str, int] | None) -> tuple[str, int] | None:
    """A signalled address that can be sent to at once; a name is left to the latch (symmetric RTP finds it)."""
    return address if address is not None and address[1] and _can_be_sent_to(address[0]) else None


@lru_cache(maxsize=4096)
def _can_be_sent_to(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def warning(error: Exception) -> tuple[str, str]:
    """A Warning header that tells the far end's engineer what was wrong with its description (RFC 3261 §20.43)."""
    text = " ".join(str(error).split()).replace("\\", "").replace('"', "'")
    return ("warning", f'399 cordboard "{text[:200]}"')

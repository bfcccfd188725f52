"""Offer and answer over one audio stream, as pure functions (RFC 3264)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from media.agreement import (
    AgreedFormat,
    Agreement,
    CodecMismatch,
    agree,
    our_direction,
    relay_map,
    settle,
)
from media.codec import BITSTREAM_FMTP, COMPANIONS, codec_formats, default_codecs
from media.session_description import (
    Address,
    Direction,
    Format,
    MediaLine,
    SdpError,
    SessionDescription,
)

__all__ = [
    "AgreedFormat",
    "Agreement",
    "CodecMismatch",
    "LocalEnd",
    "SdpError",
    "common_formats",
    "conclude",
    "default_codecs",
    "make_answer",
    "make_offer",
    "relay_map",
]

_Key = tuple[str, int, int]

DEFAULT_PTIME_MS: Final = 20
MIN_PTIME_MS: Final = 10
MAX_PTIME_MS: Final = 60
PROTOCOLS: Final = ("RTP/AVP", "RTP/AVPF")
_DYNAMIC: Final = range(96, 128)
# What the offerer says of these binds both ways, so the answer repeats it (RFC 4856 §2.1.9, RFC 3952 §5).
_ECHOED_FMTP: Final = frozenset({"g729", *BITSTREAM_FMTP})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEnd:
    """Our end of the stream. The caller raises `version` by one for each changed description (RFC 3264 §8).

    `rtcp_port` None or `rtp_port` + 1 goes without a=rtcp; `rtcp_mux` says whether we can share one port.
    """

    address: str
    rtp_port: int
    rtcp_port: int | None = None
    session_id: int
    version: int
    direction: Direction = "sendrecv"
    rtcp_mux: bool = False


def make_offer(
    local: LocalEnd, codecs: Sequence[Format], previous: SessionDescription | None = None
) -> SessionDescription:
    """Offer one audio line with `codecs` in order; raises CodecMismatch when no audio codec is among them.

    Payload types stay as given unless two formats claim the same one. telephone-event and CN are offered only
    at clock rates of the audio codecs. `previous` is what was last agreed in this dialog, from either end: its
    other m-lines come back refused, since an m-line never goes away (RFC 3264 §8).
    """
    formats = _number_apart(_with_fitting_companions(codecs))
    if not formats:
        raise CodecMismatch("no audio codec to offer: give at least one besides telephone-event and CN")
    audio = _own_line(local, "RTP/AVP", formats, local.direction, local.rtcp_mux, DEFAULT_PTIME_MS)
    media: tuple[MediaLine, ...] = (audio,)
    if previous is not None and len(previous.media) > 1:
        at = _audio_index(previous)
        media = tuple(audio if n == at else _refuse(line) for n, line in enumerate(previous.media))
    return _describe(local, media)


def make_answer(
    offer: SessionDescription,
    local: LocalEnd,
    codecs: Sequence[str | Format],
    prefer: Literal["offerer", "local"] = "offerer",
) -> tuple[SessionDescription, Agreement]:
    """Answer every m-line: the first audio line that has a codec in common, all others refused with port 0.

    Payload types are those of the offer (RFC 3264 §6.1). Raises CodecMismatch, SdpError.
    """
    index, formats = _choose_line(offer, codecs, prefer)
    line = offer.media[index]
    direction = our_direction(local.direction, line.effective_direction)
    mux = line.rtcp_mux and local.rtcp_mux
    ptime_ms = _ptime(line)
    _, fmtps = _wishes(tuple(codecs))
    answered = tuple([_answer_format(item, fmtps) for item in formats])
    audio = _own_line(local, line.protocol, answered, direction, mux, ptime_ms)
    media = tuple(audio if n == index else _refuse(other) for n, other in enumerate(offer.media))
    agreed = [agree(theirs, theirs.payload_type, theirs.payload_type) for theirs in formats]
    return _describe(local, media), settle(agreed, line, direction, mux, ptime_ms)


def conclude(our_offer: SessionDescription, answer: SessionDescription) -> Agreement:
    """What an answer to our offer settles; raises CodecMismatch (stream refused, nothing in common), SdpError.

    The far end may number a format otherwise than we did; it then gets its own number (RFC 3264 §6.1).
    """
    index = _audio_index(our_offer)
    if len(answer.media) != len(our_offer.media):
        raise SdpError(f"answer has {len(answer.media)} m-lines, the offer had {len(our_offer.media)}")
    ours, theirs = our_offer.media[index], answer.media[index]
    if theirs.kind != "audio" or theirs.protocol != ours.protocol:
        raise SdpError(f"answer turns audio {ours.protocol} into {theirs.kind} {theirs.protocol}")
    if theirs.port == 0:
        raise CodecMismatch("the far end refused the audio stream (port 0)")
    receive_pts = {_key(item): item.payload_type for item in reversed(ours.formats)}
    agreed = [
        agree(item, item.payload_type, receive_pts[_key(item)]) for item in theirs.formats if _key(item) in receive_pts
    ]
    direction = our_direction(ours.direction, theirs.effective_direction)
    agreement = settle(agreed, theirs, direction, ours.rtcp_mux and theirs.rtcp_mux, _ptime(theirs))
    if not agreement.formats:
        raise CodecMismatch(f"offered {_names(ours.formats)}, answered {_names(theirs.formats)}")
    return agreement


def common_formats(
    line: MediaLine, codecs: Sequence[str | Format], prefer: Literal["offerer", "local"] = "offerer"
) -> tuple[Format, ...]:
    """The line's formats that `codecs` allow, with the line's payload types; () without an audio codec.

    A codec given by name stands for its entries in CODEC_FORMATS; a name that has none matches by name alone.
    """
    wanted, _ = _wishes(tuple(codecs))
    ranked: list[tuple[int, Format]] = []
    for item in line.formats:
        place = wanted.get(_key(item), wanted.get(item.name.lower()))
        if place is not None:
            ranked.append((place, item))
    if prefer == "local":
        ranked.sort(key=lambda pair: pair[0])
    return _with_fitting_companions([item for _, item in ranked])


def _key(item: Format) -> _Key:
    return item.name.lower(), item.clock_rate, item.channels


@lru_cache(maxsize=256)
def _wishes(codecs: tuple[str | Format, ...]) -> tuple[dict[_Key | str, int], dict[_Key, str | None]]:
    """Rank of each wanted format, and our fmtp for it; a codec without an entry is wanted by name alone."""
    ranks: dict[_Key | str, int] = {}
    fmtps: dict[_Key, str | None] = {}
    for rank, codec in enumerate(codecs):
        formats = (codec,) if isinstance(codec, Format) else codec_formats(codec)
        for item in formats:
            ranks.setdefault(_key(item), rank)
            fmtps.setdefault(_key(item), item.fmtp)
        if isinstance(codec, str) and not formats:
            ranks.setdefault(codec.lower(), rank)
    return ranks, fmtps


def _with_fitting_companions(formats: Iterable[Format]) -> tuple[Format, ...]:
    """Audio codecs and those companions that have the clock rate of one; () without an audio codec."""
    listed = tuple(formats)
    rates = {item.clock_rate for item in listed if item.name.lower() not in COMPANIONS}
    return tuple([item for item in listed if item.clock_rate in rates])


def _number_apart(formats: tuple[Format, ...]) -> tuple[Format, ...]:
    """Give a free dynamic payload type to each format whose own is taken by an earlier one."""
    if len({item.payload_type for item in formats}) == len(formats):
        return formats
    claimed = {item.payload_type for item in formats}
    free = iter([number for number in _DYNAMIC if number not in claimed])
    used: set[int] = set()
    result: list[Format] = []
    for item in formats:
        if item.payload_type in used:
            number = next(free, None)
            if number is None:
                raise CodecMismatch(f"over {len(_DYNAMIC)} formats with dynamic payload types")
            item = replace(item, payload_type=number)
        used.add(item.payload_type)
        result.append(item)
    return tuple(result)


def _choose_line(
    offer: SessionDescription, codecs: Sequence[str | Format], prefer: Literal["offerer", "local"]
) -> tuple[int, tuple[Format, ...]]:
    """Index of the audio line to take, and its usable formats."""
    refusals: list[str] = []
    for index, line in enumerate(offer.media):
        if line.kind != "audio" or not line.port:
            continue
        if line.protocol not in PROTOCOLS:
            refusals.append(f"{line.protocol} is not supported, only {' and '.join(PROTOCOLS)}")
            continue
        formats = common_formats(line, codecs, prefer)
        if formats:
            return index, formats
        refusals.append(f"offered {_names(line.formats)}")
    wanted = ", ".join(codec if isinstance(codec, str) else codec.encoding for codec in codecs)
    raise CodecMismatch(f"{'; '.join(refusals) or 'no audio line is switched on'}; allowed here: {wanted}")


def _names(formats: Iterable[Format]) -> str:
    return ", ".join(item.encoding for item in formats) or "no known format"


def _audio_index(description: SessionDescription) -> int:
    for index, line in enumerate(description.media):
        if line.kind == "audio" and line.port:
            return index
    raise SdpError("no audio line is switched on")


def _answer_format(theirs: Format, fmtps: dict[_Key, str | None]) -> Format:
    """A format as our answer lists it: the offerer's number, our own fmtp unless theirs binds both."""
    key = _key(theirs)
    if key[0] in _ECHOED_FMTP:
        return theirs
    fmtp = fmtps.get(key)
    if fmtp == theirs.fmtp:
        return theirs
    return Format(
        payload_type=theirs.payload_type,
        name=theirs.name,
        clock_rate=theirs.clock_rate,
        channels=theirs.channels,
        fmtp=fmtp,
    )


def _ptime(line: MediaLine) -> int:
    """Packet time to send to the far end, within what both can take."""
    ptime_ms = line.ptime_ms or DEFAULT_PTIME_MS
    if line.maxptime_ms is not None:
        ptime_ms = min(ptime_ms, line.maxptime_ms)
    return max(MIN_PTIME_MS, min(MAX_PTIME_MS, ptime_ms))


def _own_line(
    local: LocalEnd,
    protocol: str,
    formats: tuple[Format, ...],
    direction: Direction,
    mux: bool,
    ptime_ms: int,
) -> MediaLine:
    rtcp: Address | None = None
    if local.rtcp_port is not None and local.rtcp_port != local.rtp_port + 1 and not mux:
        rtcp = (local.address, local.rtcp_port)
    return MediaLine(
        kind="audio",
        port=local.rtp_port,
        protocol=protocol,
        formats=formats,
        address=local.address,
        direction=direction,
        ptime_ms=ptime_ms,
        rtcp=rtcp,
        rtcp_mux=mux,
    )


def _refuse(line: MediaLine) -> MediaLine:
    """The line with port 0 and its formats as they were (RFC 3264 §6)."""
    raw = line.raw_formats or tuple([str(item.payload_type) for item in line.formats])
    return MediaLine(kind=line.kind, port=0, protocol=line.protocol, raw_formats=raw)


def _describe(local: LocalEnd, media: tuple[MediaLine, ...]) -> SessionDescription:
    return SessionDescription(
        session_id=str(local.session_id),
        version=str(local.version),
        origin_address=local.address,
        name="-",
        address=local.address,
        media=media,
    )

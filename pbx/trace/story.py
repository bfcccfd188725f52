"""Story: a call's traced messages and its events, told as one ladder; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from media.sdp import parse_sdp
from media.session_description import SdpError
from pbx.events import (
    CallBridged,
    CallCreated,
    CallEnded,
    CallRouted,
    Envelope,
    Event,
    LegAnswered,
    LegEnded,
    LegStarted,
)
from pbx.ladder import Arrow, Party, Remark, draw
from pbx.trace.block import TracedMessage
from pbx.trace.search import call_id_of
from sip.flow import print_address

_CSEQ: Final = re.compile(rb"^cseq[ \t]*:[ \t]*(\d+)[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)
SERVER: Final = "cordboard"


def tell(messages: Sequence[TracedMessage], events: Sequence[Envelope]) -> list[str]:
    """The ladder of a call: the caller's legs, the server, the legs that it made; what the server decided between."""
    legs = [one.event for one in events if isinstance(one.event, LegStarted)]
    callers = [leg for leg in legs if leg.direction == "in"]
    called = [leg for leg in legs if leg.direction == "out"]
    place = len(callers)
    columns = {leg.sip_call_id: number for number, leg in enumerate(callers)}
    columns |= {leg.sip_call_id: place + 1 + number for number, leg in enumerate(called)}
    remotes = _first_remotes(messages)
    server = Party(name=SERVER, where=print_address(messages[0].local) if messages else "")
    parties = [*(_party(leg, remotes) for leg in callers), server, *(_party(leg, remotes) for leg in called)]
    rows: list[Arrow | Remark] = [*_arrows(messages, columns, place, remotes), *_remarks(events, place)]
    rows.sort(key=lambda row: row.at_s)
    return draw(parties, rows)


def _party(leg: LegStarted, remotes: dict[str, str]) -> Party:
    name = leg.number or leg.device or leg.trunk or "unknown"
    by = f" by {leg.trunk}" if leg.trunk else ""
    return Party(name=f"{leg.kind} {name}{by}", where=remotes.get(leg.sip_call_id or "", leg.address or ""))


def _first_remotes(messages: Iterable[TracedMessage]) -> dict[str, str]:
    remotes: dict[str, str] = {}
    for message in messages:
        remotes.setdefault(call_id_of(message.data), print_address(message.remote))
    return remotes


# -- messages


def _arrows(
    messages: Iterable[TracedMessage], columns: dict[str | None, int], server: int, remotes: dict[str, str]
) -> Iterable[Arrow]:
    seen: set[tuple[str, bytes]] = set()
    for message in messages:
        call_id = call_id_of(message.data)
        column = columns.get(call_id)
        if column is None:
            continue
        key = (message.way, message.data)
        notes = ["again"] if key in seen else []
        seen.add(key)
        remote = print_address(message.remote)
        if remote != remotes[call_id]:
            notes.append(f"{'from' if message.way == 'in' else 'to'} {remote}")
        if message.transport != "UDP":
            notes.append(message.transport)
        source, target = (column, server) if message.way == "in" else (server, column)
        notes += description(message.data)
        yield Arrow(
            at_s=message.at_ns / 1e9, source=source, target=target, label=label(message.data), note=", ".join(notes)
        )


def label(message: bytes) -> str:
    """A message in a few words: `INVITE (2)`, `180 Ringing (2 INVITE)`; the number is that of CSeq."""
    line = message.split(b"\n", 1)[0].strip().decode("utf-8", "replace")
    found = _CSEQ.search(message)
    number = found[1].decode() if found is not None else "?"
    method = found[2].decode("utf-8", "replace") if found is not None else "?"
    if line.startswith("SIP/"):
        return f"{line.partition(' ')[2]} ({number} {method})"
    return f"{line.partition(' ')[0]} ({number})"


def description(message: bytes) -> list[str]:
    """What a message's session description says, in a few words; nothing where it has none."""
    body = message.partition(b"\r\n\r\n")[2]
    if not body:
        return []
    if not body.startswith(b"v=0"):
        return [body.decode("utf-8", "replace")]
    try:
        parsed = parse_sdp(body)
    except SdpError as error:
        return [f"sdp unreadable: {error}"]
    lines = []
    for media in parsed.media:
        names = "/".join(dict.fromkeys(form.name for form in media.formats))
        if not media.port:
            lines.append(f"{media.kind} refused")
        else:
            lines.append(f"{names} at {media.address}:{media.port} {media.effective_direction}")
    return lines


# -- events


def _remarks(events: Iterable[Envelope], server: int) -> Iterable[Remark]:
    numbers: dict[str, str] = {}
    for envelope in events:
        event = envelope.event
        if isinstance(event, LegStarted):
            numbers[event.leg] = f"{event.kind} {event.number or event.device or event.trunk or event.leg}"
        write = _REMARKS.get(type(event))
        if write is not None:
            yield Remark(at_s=envelope.at_ns / 1e9, party=server, text=write(event, numbers))


def _created(event: CallCreated, numbers: dict[str, str]) -> str:
    by = f"trunk {event.trunk}" if event.trunk else f"device {event.device}"
    return f"{event.direction} call of {event.caller} ({by}) to {event.called}, tenant {event.tenant}"


def _routed(event: CallRouted, numbers: dict[str, str]) -> str:
    number = f" ({event.called_final})" if event.called_final not in (None, event.destination) else ""
    return f"routed to {event.destination_type} {event.destination or ''}".rstrip() + number


def _answered(event: LegAnswered, numbers: dict[str, str]) -> str:
    return f"{numbers.get(event.leg, event.leg)} is up, {event.codec or 'no codec'}"


def _bridged(event: CallBridged, numbers: dict[str, str]) -> str:
    return f"{numbers.get(event.leg_a, event.leg_a)} and {numbers.get(event.leg_b, event.leg_b)} hear each other"


def _leg_ended(event: LegEnded, numbers: dict[str, str]) -> str:
    by = f", by {event.party}" if event.party else ""
    sip = f", SIP {event.sip_code}" if event.sip_code else ""
    return f"{numbers.get(event.leg, event.leg)} is down: {event.reason}{by}{sip}, Q.850 {event.q850}"


def _call_ended(event: CallEnded, numbers: dict[str, str]) -> str:
    return f"call over: {event.result}, {event.reason}"


# `Any`: each function takes the very class that it is listed under.
_REMARKS: Final[dict[type[Event], Callable[[Any, dict[str, str]], str]]] = {
    CallCreated: _created,
    CallRouted: _routed,
    LegAnswered: _answered,
    CallBridged: _bridged,
    LegEnded: _leg_ended,
    CallEnded: _call_ended,
}

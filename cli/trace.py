"""`cordboard trace CALL`: a call's SIP ladder, what the server decided, and how its media does."""

from __future__ import annotations

from collections.abc import Iterator

from cli.channel import Json
from cli.question import parser, run
from cli.table import duration


def trace(arguments: list[str]) -> int:
    """`cordboard trace`."""
    made = parser("trace", "The course of a call, whether it is up or over.")
    made.add_argument("call", help="id of the call, the beginning of one, or `last`")
    made.add_argument("--messages", action="store_true", help="the SIP messages too, secrets left out")
    options = made.parse_args(arguments)
    wanted = "true" if options.messages else "false"
    return run(options, lambda channel, given: channel.get("calls", given.call, "trace", messages=wanted), story)


def story(found: Json) -> str:
    """The whole story as text."""
    lines = [*_head(found["call"]), "", *found["ladder"], "", *_media(found["call"])]
    for one in found["messages"]:
        arrow = "<-" if one["way"] == "in" else "->"
        lines += ["", f"{one['at']}  {one['local']} {arrow} {one['remote']} ({one['transport']})"]
        lines += [f"    {line}" for line in one["text"].splitlines()]
    if found["cut"]:
        lines += ["", "(some messages were left out: there are too many)"]
    return "\n".join(_printable(line) for line in lines)


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in line)


def _head(call: Json) -> Iterator[str]:
    yield f"call {call['id']}: {call['from']} to {call['to']}, tenant {call['tenant']}, {call['direction']}"
    if call["state"] != "ended":
        yield f"{call['state']} since {call['since']}, for {duration(call['seconds'])}"
        return
    by = f", ended by the {call['hangup_party']}" if call["hangup_party"] else ""
    yield f"{call['result']}: {call['reason']}{by}; began {call['since']}, talked {duration(call['talk_seconds'])}"


def _media(call: Json) -> Iterator[str]:
    yield "media"
    for leg in call["legs"]:
        yield from _leg(leg, leg["media"])


def _leg(leg: Json, media: Json) -> Iterator[str]:
    who = leg["number"] or leg["device"] or leg["trunk"] or ""
    yield f"  {leg['kind']} {who}, {leg['state']}, {leg['codec'] or 'no codec'}"
    yield f"    {'!' if media['fault'] else ' '} {media['verdict']}"
    if media["direction"] is None:
        return
    missed = "" if media["far_loss_pct"] is None else f" (it misses {media['far_loss_pct']} %)"
    yield (
        f"      from it {media['packets_in']} packets, loss {_number(media['loss_pct'])} %, "
        f"jitter {_number(media['jitter_ms'])} ms, MOS {_number(media['mos'])}; to it {media['packets_out']}{missed}, "
        f"round trip {_number(media['rtt_ms'])} ms"
    )
    yield f"      advertised {media['advertised'] or 'nothing'}, latched to {media['latched'] or 'nothing'}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"

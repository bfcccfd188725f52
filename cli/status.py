"""`cordboard status`: how the server does, troubles first."""

from __future__ import annotations

from collections.abc import Iterator

from cli.channel import Json
from cli.question import parser, run
from cli.table import duration


def status(arguments: list[str]) -> int:
    """`cordboard status`."""
    options = parser("status", "How the running server does.").parse_args(arguments)
    return run(options, lambda channel, _: channel.get("status"), page)


def page(found: Json) -> str:
    """The page as text."""
    lag, ports, workers = found["loop_lag_ms"], found["ports"], found["media_workers"]
    behind = found["spool"]["events_behind"]
    trace = found["trace"]
    rows = [
        ("calls", f"{found['calls']} with {found['legs']} legs"),
        ("registrations", str(found["registrations"])),
        ("loop lag", f"p99 {lag['p99']} ms, worst {lag['worst']} ms"),
        (
            "media",
            f"{workers['up']} of {workers['wanted']} workers, {ports['used']} port pairs used, {ports['free']} free",
        ),
        ("codecs", ", ".join(found["codecs"]["decoded"])),
        ("records", "no answer" if behind is None else f"{behind} events on their way to the database"),
        ("trace", f"on, {trace['messages']} messages since the start" if trace["on"] else "off"),
        ("refused", f"{_counts(found['refused'])}; wrong passwords {found['wrong_passwords']}"),
        ("overload", _counts(found["overload"])),
        ("ended", ", ".join(f"{one['result']}/{one['reason']} {one['calls']}" for one in found["ended"]) or "none"),
    ]
    head = f"Cordboard {found['version']} on {found['node']}, up {duration(found['uptime_s'])}"
    troubles = [f"! {text}" for text in _troubles(found)]
    return "\n".join([head, *troubles, *(f"  {name:<14} {text}" for name, text in rows)])


def _counts(found: Json) -> str:
    return ", ".join(f"{name} x {count}" for name, count in found.items()) or "none"


def _troubles(found: Json) -> Iterator[str]:
    """What somebody should look at."""
    workers, spool, records, trace = (found[name] for name in ("media_workers", "spool", "records", "trace"))
    if found["draining"]:
        yield "draining: no new calls are taken"
    if workers["up"] < workers["wanted"]:
        yield f"{workers['wanted'] - workers['up']} of {workers['wanted']} media workers are down"
    if workers["lost"]:
        yield f"media workers died {workers['lost']} times since the start (the log says when)"
    yield from found["codecs"]["missing"].values()
    if spool["full"]:
        yield f"new calls are refused: {spool['error']}"
    if not records["answers"]:
        yield "the records process does not answer"
    if records["error"]:
        yield f"records wait in the spool: {records['error']}"
    if records["restarts"]:
        yield f"the records process died {records['restarts']} times since the start (the log says when)"
    if trace["dropped"]:
        yield f"the trace lost {trace['dropped']} messages" + (f": {trace['error']}" if trace["error"] else "")
    if found["sip"]["kernel_drops"]:
        yield f"the kernel dropped {found['sip']['kernel_drops']} SIP datagrams: the server was too slow"
    if found["faults"]:
        yield f"{found['faults']} faults of the server itself (the log has them)"

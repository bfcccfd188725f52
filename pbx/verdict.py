"""Verdict: what is wrong with the sound of a leg, in plain words, and what to do about it; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from media.quality import mean_opinion_score

SILENT_MS: Final = 3000
"""Phones with silence suppression still send comfort noise every second or two (RFC 3389 §4 leaves it to them)."""
LOSS_PCT: Final = 1.0
JITTER_MS: Final = 30.0

Hearing = Literal["receiving", "silent", "never", "not expected", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What is known of one leg's media, now or at its end.

    `direction` is what we may do by the agreement, None where none was reached. Addresses are `host:port`:
    `advertised` in the far end's session description, `latched` where its packets come from. Counts are of the whole
    life; `silent_ms` since the last packet came, None where none ever came; `counted` False: the counts are unknown.
    """

    over: bool
    counted: bool = True
    direction: str | None = None
    codec: str | None = None
    advertised: str | None = None
    latched: str | None = None
    packets_in: int = 0
    packets_out: int = 0
    lost_in: int = 0
    far_lost: int | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    silent_ms: int | None = None
    dropped_foreign: int = 0
    dropped_payload_type: int = 0
    late: int = 0
    """Came, but too late for the mixer to be heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`hearing`: whether its sound reaches us; `fault`: whether somebody has to do something; `text` is for people."""

    hearing: Hearing
    fault: bool
    text: str
    loss_pct: float | None
    far_loss_pct: float | None
    mos: float | None


def judge(facts: MediaFacts) -> Verdict:
    """The verdict on one leg."""
    hearing = _hearing(facts)
    faults = [text for find in _FAULTS if (text := find(facts, hearing)) is not None]
    notes = [text for find in _NOTES if (text := find(facts, hearing)) is not None]
    loss, far_loss = _loss_pct(facts), _far_loss_pct(facts)
    mos = None
    if facts.packets_in:
        unheard = (max(0, facts.lost_in) + facts.late) / (facts.packets_in + max(0, facts.lost_in))
        mos = mean_opinion_score(facts.codec, unheard, facts.jitter_ms or 0.0, facts.rtt_ms)
    return Verdict(
        hearing=hearing,
        fault=bool(faults),
        text="; ".join([*faults, *notes]) or _fine(facts),
        loss_pct=loss,
        far_loss_pct=far_loss,
        mos=mos,
    )


def _fine(facts: MediaFacts) -> str:
    if facts.far_lost is None:
        return "its sound comes in, ours goes out (it does not report what it hears)"
    return "sound flows both ways"


def _hearing(facts: MediaFacts) -> Hearing:
    if facts.direction is None:
        return "not expected"
    if not facts.counted:
        return "unknown"
    if facts.direction in ("sendonly", "inactive"):
        return "not expected"
    if not facts.packets_in:
        return "never"
    return "silent" if facts.silent_ms is None or facts.silent_ms > SILENT_MS else "receiving"


def _loss_pct(facts: MediaFacts) -> float | None:
    due = facts.packets_in + facts.lost_in
    return round(100.0 * max(0, facts.lost_in) / due, 1) if due > 0 else None


def _far_loss_pct(facts: MediaFacts) -> float | None:
    if facts.far_lost is None or not facts.packets_out:
        return None
    return round(100.0 * min(max(0, facts.far_lost) / facts.packets_out, 1.0), 1)


# -- what is wrong


def _never(facts: MediaFacts, hearing: Hearing) -> str | None:
    if hearing != "never":
        return None
    if facts.dropped_payload_type:
        return (
            f"all {facts.dropped_payload_type} packets from it have a payload type that was not agreed: "
            "check the codecs of the phone"
        )
    where = facts.advertised or "the far end"
    private = " (a private address)" if _is_private(facts.advertised) else ""
    return (
        f"nothing has come from {where}{private}: its media does not reach us; "
        "look for a NAT or a firewall between it and our RTP ports"
    )


def _silent(facts: MediaFacts, hearing: Hearing) -> str | None:
    if hearing != "silent" or facts.silent_ms is None:
        return None
    when = "before the end" if facts.over else "by now"
    return (
        f"nothing came for {facts.silent_ms / 1000:.0f} s {when}, after {facts.packets_in} packets: it stopped "
        "sending; muted with silence suppression, gone, or a firewall forgot the stream"
    )


def _unsent(facts: MediaFacts, hearing: Hearing) -> str | None:
    if facts.direction not in ("sendrecv", "sendonly") or not facts.counted or facts.packets_out:
        return None
    if facts.advertised is None and facts.latched is None:
        return "nothing is sent to it: it gave no address, and none was learnt"
    return "nothing is sent to it: its partner sends nothing to us (see the other leg)"


def _wrong_codec(facts: MediaFacts, hearing: Hearing) -> str | None:
    if hearing == "never" or not facts.dropped_payload_type:
        return None
    return f"{facts.dropped_payload_type} packets had a payload type that was not agreed: check the codecs of the phone"


def _lossy(facts: MediaFacts, hearing: Hearing) -> str | None:
    loss = _loss_pct(facts)
    return f"{loss} % of its packets are lost on the way to us" if loss is not None and loss > LOSS_PCT else None


def _tardy(facts: MediaFacts, hearing: Hearing) -> str | None:
    late = 100.0 * facts.late / facts.packets_in if facts.packets_in else 0.0
    return f"{late:.1f} % of its packets came too late to be heard: an uneven link" if late > LOSS_PCT else None


def _far_lossy(facts: MediaFacts, hearing: Hearing) -> str | None:
    loss = _far_loss_pct(facts)
    return f"{loss} % of ours are lost on the way to it" if loss is not None and loss > LOSS_PCT else None


def _jittery(facts: MediaFacts, hearing: Hearing) -> str | None:
    if facts.jitter_ms is None or facts.jitter_ms <= JITTER_MS:
        return None
    return f"its packets come unevenly (jitter {facts.jitter_ms:.0f} ms): a busy or wireless link"


# -- what is worth knowing


def _not_agreed(facts: MediaFacts, hearing: Hearing) -> str | None:
    return "no media was agreed" + ("" if facts.over else " so far") if facts.direction is None else None


def _uncounted(facts: MediaFacts, hearing: Hearing) -> str | None:
    return "the media process gives no counts" if hearing == "unknown" else None


def _held(facts: MediaFacts, hearing: Hearing) -> str | None:
    return _DIRECTIONS.get(facts.direction or "")


_DIRECTIONS: Final = {
    "recvonly": "it does not want to hear anything (it holds the call)",
    "sendonly": "it only listens, as agreed",
    "inactive": "silent both ways, as agreed (on hold)",
}


def _behind_nat(facts: MediaFacts, hearing: Hearing) -> str | None:
    if facts.latched is None or facts.advertised is None or facts.latched == facts.advertised:
        return None
    return (
        f"its media comes from {facts.latched}, it advertised {facts.advertised}: "
        "a NAT, harmless, we answer to where it comes from"
    )


def _foreign(facts: MediaFacts, hearing: Hearing) -> str | None:
    if not facts.dropped_foreign:
        return None
    return f"{facts.dropped_foreign} packets of other senders to its port were dropped"


Finder = Callable[[MediaFacts, Hearing], str | None]
_FAULTS: Final[tuple[Finder, ...]] = (_never, _silent, _unsent, _wrong_codec, _lossy, _tardy, _far_lossy, _jittery)
_NOTES: Final[tuple[Finder, ...]] = (_not_agreed, _uncounted, _held, _behind_nat, _foreign)


# RFC 1918, RFC 6598, RFC 3927, RFC 4193. Python's `is_private` counts much else.
_PRIVATE: Final = tuple(
    ipaddress.ip_network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7")
)


def _is_private(address: str | None) -> bool:
    if address is None:
        return False
    try:
        found = ipaddress.ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return any(found in network for network in _PRIVATE)

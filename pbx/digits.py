"""Digits: in which form each leg says and hears keys, RFC 4733 events or SIP INFO, as pure functions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

from media.port_state import SentDigits
from pbx import mixing

if TYPE_CHECKING:
    from media.agreement import AgreedFormat, Agreement
    from media.port_state import Digits
    from pbx.inbox import DigitPressed
    from pbx.leg import Leg
    from sip.message import Request, Response

DTMF_RELAY: Final = "application/dtmf-relay"
DTMF: Final = "application/dtmf"
HOOK_FLASH: Final = "application/hook-flash"
ACCEPTED: Final = f"application/sdp, {DTMF_RELAY}, {DTMF}, {HOOK_FLASH}"

SHORTEST_MS: Final = 40
LONGEST_MS: Final = 8000
USUAL_MS: Final = 160
"""Of a key whose INFO does not say."""

WAITING: Final = 64
"""Keys that may wait for a leg, in each direction; more are dropped."""

Form = Literal["events", "info", "tones"]

_KEYS: Final = "0123456789*#ABCD!"
# Names of keys in an INFO: the key itself, the event code of RFC 4733, or what some gateways write for a hook flash.
_SIGNALS: Final = {key: key for key in _KEYS} | {str(code): _KEYS[code] for code in range(10, 17)} | {"HF": "!"}
_CODES: Final = {"!": "16"}


class BadDigit(ValueError):
    """The body of an INFO is no key (SIP 400)."""


class UnknownForm(ValueError):
    """The body of an INFO is of a type that carries no key (SIP 415)."""


class LegDigits:
    """Keys on their way from and to a leg's far end."""

    __slots__ = ("asking", "informing", "last_id", "pressed", "sending", "waiting")

    def __init__(self) -> None:
        self.pressed: deque[DigitPressed] = deque(maxlen=WAITING)
        """What was pressed while no other leg was there to hear it, for the verb that collects."""
        self.sending: SentDigits | None = None
        """What the leg's port sends now."""
        self.waiting: deque[tuple[str, int]] = deque()
        """Keys and durations that the port sends next."""
        self.informing: deque[tuple[str, int]] = deque()
        """Keys and durations that go by INFO, one after the other."""
        self.asking = 0
        """The generation of the leg in which an INFO went out that is not answered yet; its old owner hears of it."""
        self.last_id = 0


def event_format(agreement: Agreement | None) -> AgreedFormat | None:
    """The telephone-event format that goes with the codec in use, None where there is none.

    Events share the clock of the audio (RFC 4733 §2.1): one at another rate cannot be sent in its stream.
    """
    if agreement is None or not agreement.formats:
        return None
    rate_hz = agreement.formats[0].clock_rate
    for form in agreement.events:
        if form.clock_rate == rate_hz and form.name.lower() == "telephone-event":
            return form
    return None


def form_of(leg: Leg) -> Form | None:
    """In which form keys are sent to a leg's far end; None where it takes none."""
    if leg.dtmf in ("auto", "rfc4733") and event_format(leg.agreement) is not None:
        return "events"
    if leg.dtmf in ("auto", "info") and leg.takes_info:
        return "info"
    if leg.dtmf in ("auto", "inband") and mixing.voice_of(leg.agreement) is not None:
        return "tones"
    return None


def event_types(agreement: Agreement) -> tuple[tuple[int, int], ...]:
    """(payload type, clock rate) of the events that may arrive."""
    return tuple(
        [(form.receive_pt, form.clock_rate) for form in agreement.events if form.name.lower() == "telephone-event"]
    )


def port_policy(agreement: Agreement, relayed: Iterable[tuple[int, int]], to: Leg | None) -> Digits:
    """What a port does with events from its far end, `relayed` being its payload map towards the leg `to`.

    What the other leg understands passes; all else is withheld and made anew in its form, or kept where there is no
    other leg.
    """
    form = event_format(agreement)
    if to is not None and to.dtmf in ("info", "inband"):
        return "withhold"
    if form is not None and any(received == form.receive_pt for received, _ in relayed):
        return "pass"
    return "withhold"


def takes_info(message: Request | Response) -> bool:
    """Whether the far end takes INFO: its Allow says so, or it sent none (RFC 3261 §20.5)."""
    rows = message.headers.get_all("allow")
    return not rows or any("INFO" in row.upper() for row in rows)


def read_info(content_type: str, body: bytes) -> tuple[str, int]:
    """The key and its duration (ms) in the body of an INFO.

    `application/dtmf-relay` is lines of `Signal=` and `Duration=`, `application/dtmf` the bare key; both as phones
    write them, in any case and with blanks. Raises BadDigit, UnknownForm.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == HOOK_FLASH:
        return "!", USUAL_MS
    if kind not in (DTMF_RELAY, DTMF):
        raise UnknownForm(kind)
    fields: dict[str, str] = {}
    for line in body[:1024].decode("latin-1").splitlines():
        name, equals, value = line.partition("=")
        if equals:
            fields.setdefault(name.strip().lower(), value.strip())
        elif line.strip() and kind == DTMF:
            fields.setdefault("signal", line.strip())
    key = _SIGNALS.get(fields.get("signal", "").upper())
    if key is None:
        raise BadDigit("no key: give Signal=0-9, *, #, A-D or a code up to 16")
    return key, _duration_ms(fields.get("duration"))


def _duration_ms(text: str | None) -> int:
    if text is None:
        return USUAL_MS
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadDigit("Duration is no number of milliseconds")
    return clamp_ms(int(text))


def clamp_ms(duration_ms: int) -> int:
    """A duration that every receiver takes for one key."""
    return min(max(duration_ms, SHORTEST_MS), LONGEST_MS)


def write_info(digit: str, duration_ms: int) -> bytes:
    """The body `application/dtmf-relay` of a key."""
    return f"Signal={_CODES.get(digit, digit)}\r\nDuration={duration_ms}\r\n".encode()

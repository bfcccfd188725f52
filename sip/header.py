"""Values of the other header fields: CSeq, RAck, Reason, Warning, media types, parameterised values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sip.errors import MalformedHeader
from sip.grammar import (
    BLANK,
    Params,
    end_of_quoted,
    excerpt,
    find_param,
    format_params,
    is_token,
    parse_digits,
    parse_list,
    parse_params,
    parse_tokens,
    quote,
    remember,
    unquote,
)
from sip.name_addr import NameAddr, parse_name_addr

MAX_SEQUENCE: Final = 2**31 - 1
MAX_DELTA_S: Final = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CSeq:
    """Sequence number and method (RFC 3261 §20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RAck:
    """Which reliable response a PRACK acknowledges (RFC 3262 §7.2)."""

    response_number: int
    cseq_number: int
    method: str

    def __str__(self) -> str:
        return f"{self.response_number} {self.cseq_number} {self.method}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """`type/subtype` in lower case with parameters in wire form (RFC 3261 §20.15)."""

    type: str
    subtype: str
    params: Params = ()

    @property
    def essence(self) -> str:
        """`type/subtype`, such as 'application/sdp'."""
        return f"{self.type}/{self.subtype}"

    def param(self, name: str) -> str | None:
        """Decoded value of a parameter such as boundary or charset."""
        return find_param(self.params, name)

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}{format_params(self.params)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a request was sent, such as `Q.850;cause=16;text="..."` (RFC 3326)."""

    protocol: str
    params: Params = ()

    @property
    def cause(self) -> int | None:
        """The cause number, when there is a proper one."""
        value = find_param(self.params, "cause")
        return int(value) if value and value.isascii() and value.isdigit() and len(value) <= 5 else None

    @property
    def text(self) -> str | None:
        """Decoded text parameter."""
        return find_param(self.params, "text")

    def __str__(self) -> str:
        return f"{self.protocol}{format_params(self.params)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """One warning: three-digit code, who warns, decoded text (RFC 3261 §20.43)."""

    code: int
    agent: str
    text: str

    def __str__(self) -> str:
        return f"{self.code:03d} {self.agent} {quote(self.text)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAfter:
    """How long to stay away, in seconds, and for how long the peer will be there (RFC 3261 §20.33)."""

    delay_s: int
    duration_s: int | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameterised:
    """A value with parameters: Event, Session-Expires, Replaces, Subscription-State, Content-Disposition."""

    value: str
    params: Params = ()

    def param(self, name: str) -> str | None:
        """Decoded value of a parameter; '' when it stands without a value, None when absent."""
        return find_param(self.params, name)

    def __str__(self) -> str:
        return self.value + format_params(self.params)


def single(values: list[str]) -> str:
    """The one row of a mandatory header field; raises MalformedHeader when missing, doubled or empty."""
    if len(values) == 1 and values[0]:
        return values[0]
    raise MalformedHeader("header field is missing" if not values else "header field is empty or stands twice")


def parse_call_id(values: list[str]) -> str:
    """Call-ID: one word (RFC 3261 §20.8)."""
    value = single(values)
    if " " in value or "\t" in value or "\0" in value:
        raise MalformedHeader(f"one word expected, got {excerpt(value)}")
    return value


def parse_cseq(values: list[str]) -> CSeq:
    """CSeq with a number below 2**31 (RFC 3261 §8.1.1.5)."""
    return _cseq(single(values))


@remember(256)
def _cseq(text: str) -> CSeq:
    parts = text.split()
    if len(parts) != 2 or not is_token(parts[1]):
        raise MalformedHeader(f"expected 'number METHOD', got {excerpt(text)}")
    return CSeq(number=parse_digits(parts[0], MAX_SEQUENCE), method=parts[1])


def parse_rack(values: list[str]) -> RAck | None:
    """RAck; None when absent."""
    if not values:
        return None
    parts = single(values).split()
    if len(parts) != 3 or not is_token(parts[2]):
        raise MalformedHeader(f"expected 'number number METHOD', got {excerpt(values[0])}")
    numbers = [parse_digits(part, MAX_DELTA_S) for part in parts[:2]]
    return RAck(response_number=numbers[0], cseq_number=numbers[1], method=parts[2])


def parse_max_forwards(values: list[str]) -> int | None:
    """Max-Forwards 0..255 (RFC 3261 §20.22); None when absent, as from RFC 2543 elements."""
    return parse_digits(single(values), 255) if values else None


def parse_delta_s(values: list[str]) -> int | None:
    """Seconds 0..2**32-1 (RFC 3261 §25.1 delta-seconds); None when absent."""
    return parse_digits(single(values), MAX_DELTA_S) if values else None


def parse_from_to(values: list[str]) -> NameAddr:
    """From or To: exactly one address (RFC 3261 §20.20, §20.39)."""
    return parse_name_addr(values[0] if len(values) == 1 else single(values))


def parse_optional_address(values: list[str]) -> NameAddr | None:
    """One address, as in Refer-To and Referred-By; None when absent."""
    return parse_name_addr(single(values)) if values else None


@remember(256)
def _media_type(text: str) -> MediaType:
    essence, semicolon, rest = text.partition(";")
    kind, slash, subtype = essence.partition("/")
    kind, subtype = kind.strip(BLANK).lower(), subtype.strip(BLANK).lower()
    if not slash or not is_token(kind) or not is_token(subtype):
        raise MalformedHeader(f"expected 'type/subtype', got {excerpt(text)}")
    return MediaType(type=kind, subtype=subtype, params=parse_params(rest) if semicolon else ())


def parse_media_type(values: list[str]) -> MediaType | None:
    """Content-Type; None when absent."""
    return _media_type(single(values)) if values else None


def parse_option_tags(values: list[str]) -> tuple[str, ...]:
    """Require, Supported and their kin, in lower case (RFC 3261 §19.2)."""
    return _option_tags(values[0]) if len(values) == 1 else _option_tags(",".join(values))


@remember(256)
def _option_tags(text: str) -> tuple[str, ...]:
    return tuple([token.lower() for token in parse_tokens([text])])


def parse_parameterised(text: str) -> Parameterised:
    """`value;params`, where the value is one word; raises MalformedHeader."""
    value, semicolon, rest = text.partition(";")
    value = value.strip(BLANK)
    if not value or " " in value or "\t" in value or '"' in value:
        raise MalformedHeader(f"one word expected before the parameters, got {excerpt(text)}")
    return Parameterised(value=value, params=parse_params(rest) if semicolon else ())


def parse_optional_parameterised(values: list[str]) -> Parameterised | None:
    """One parameterised value (Event, Replaces, Subscription-State, ...); None when absent."""
    return parse_parameterised(single(values)) if values else None


def parse_session_expires(values: list[str]) -> Parameterised | None:
    """Session-Expires and Min-SE: seconds with parameters (RFC 4028 §4, §5); None when absent."""
    return _interval(single(values)) if values else None


@remember(256)
def _interval(text: str) -> Parameterised:
    interval = parse_parameterised(text)
    parse_digits(interval.value, MAX_DELTA_S)
    return interval


def parse_reasons(values: list[str]) -> tuple[Reason, ...]:
    """All Reason values of all rows; raises MalformedHeader."""
    found = [parse_parameterised(part) for value in values for part in parse_list(value)]
    return tuple([Reason(protocol=item.value, params=item.params) for item in found])


def parse_warnings(values: list[str]) -> tuple[Warning, ...]:
    """All Warning values of all rows; raises MalformedHeader."""
    return tuple([_parse_warning(part) for value in values for part in parse_list(value)])


def _parse_warning(text: str) -> Warning:
    code, _, rest = text.partition(" ")
    agent, _, quoted = rest.strip(BLANK).partition(" ")
    quoted = quoted.strip(BLANK)
    if len(code) != 3 or not agent or quoted[:1] != '"' or end_of_quoted(quoted, 0) != len(quoted):
        raise MalformedHeader(f"expected 'code agent \"text\"', got {excerpt(text)}")
    return Warning(code=parse_digits(code, 999), agent=agent, text=unquote(quoted))


def parse_retry_after(values: list[str]) -> RetryAfter | None:
    """Retry-After with its comment and duration; None when absent."""
    if not values:
        return None
    text = single(values)
    comment = ""
    open_at = text.find("(")
    if open_at >= 0:
        close_at = _end_of_comment(text, open_at)
        comment = text[open_at + 1 : close_at - 1]
        text = text[:open_at] + text[close_at:]
    delay, semicolon, rest = text.partition(";")
    duration = find_param(parse_params(rest), "duration") if semicolon else None
    return RetryAfter(
        delay_s=parse_digits(delay.strip(BLANK), MAX_DELTA_S),
        duration_s=parse_digits(duration, MAX_DELTA_S) if duration is not None else None,
        comment=comment,
    )


def _end_of_comment(text: str, start: int) -> int:
    """Index after the comment that opens at `start`; comments nest (RFC 3261 §25.1)."""
    depth = 0
    position = start
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    raise MalformedHeader(f"comment is not closed: {excerpt(text[start:])}")

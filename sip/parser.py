"""From a datagram's bytes to a message (RFC 3261 §7, §18.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sip.errors import MalformedHeader, MalformedMessage
from sip.grammar import BLANK, excerpt, is_token, parse_digits
from sip.header_name import LONG_NAMES, SINGLE_VALUED, fold_name
from sip.headers import Headers
from sip.message import Message, Request, Response
from sip.uri import AnyUri, OpaqueUri, SipUri, parse_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a message is read before it is refused."""

    max_bytes: int = 65_536
    max_fields: int = 100
    max_line_chars: int = 8_192


DEFAULT_LIMITS: Final = Limits()
_MANDATORY: Final = ("via", "from", "to", "call-id", "cseq")
_METHODS: Final = frozenset({
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
    "REGISTER", "SUBSCRIBE", "UPDATE",
})  # fmt: skip


def parse_message(data: bytes | memoryview, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Parse one datagram, or one framed message of a stream; raises MalformedMessage only.

    Checks the start line, the mandatory header fields, fields that may stand only once, the CSeq method and
    Content-Length; everything else is left to `validate` and to the properties of the message. Bytes behind
    the body are dropped (RFC 3261 §18.3). The error of a request carries that request, as far as it was read,
    when it has a Via to answer along. The body is bytes, invalid UTF-8 in the head survives a round trip.
    """
    if not isinstance(data, bytes):
        data = bytes(data)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261 §7.5: empty lines before the start line are ignored.
    if len(data) > limits.max_bytes:
        raise MalformedMessage(f"over {limits.max_bytes} bytes", status=513)
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return _parse_odd_line_ends(data, limits)
    return _parse_head(str(data[:end], "utf-8", "surrogateescape"), data[end + 4 :], limits)


def validate(message: Message) -> None:
    """Parse every header field that the stack acts on; raises MalformedHeader.

    After this none of the message's properties but `warnings`, `reason_header`, `allow`, `path`,
    `asserted_identities`, `referred_by`, `min_expires` and `retry_after` can raise.
    """
    message.check()


def _parse_odd_line_ends(data: bytes, limits: Limits) -> Request | Response:
    """A message without CRLF CRLF: bare LF all through is taken, anything else is cut off or broken.

    RFC 3261 §7 wants CRLF; sipsak scripts, netcat and some test tools send LF. A mixture is refused, since
    two readers could disagree on where the head ends.
    """
    end = data.find(b"\n\n")
    if end >= 0 and data.find(b"\r", 0, end) < 0:
        head = str(data[:end], "utf-8", "surrogateescape").replace("\n", "\r\n")
        return _parse_head(head, data[end + 2 :], limits)
    head = str(data, "utf-8", "surrogateescape").rstrip("\r\n")
    message = _parse_head(head, b"", limits)
    raise MalformedMessage("no empty line after the header fields", request=_answerable(message))


def _parse_head(head: str, body: bytes, limits: Limits) -> Request | Response:
    lines = head.split("\r\n")
    line_ends = len(lines) - 1
    fault: MalformedMessage | None = None
    if head.count("\n") != line_ends or head.count("\r") != line_ends:
        fault = MalformedMessage("CR or LF stands alone within a line")
    elif "\0" in head and "\0" in head.replace("\\\0", ""):
        fault = MalformedMessage("NUL within a header field")  # RFC 3261 §25.1: only as quoted-pair.
    return _parse_lines(lines, body, limits, fault)


def _parse_lines(lines: list[str], body: bytes, limits: Limits, fault: MalformedMessage | None) -> Request | Response:
    """Read the header fields; the first fault is kept and raised when the message is as complete as it gets."""
    values: dict[str, list[str]] = {}
    known = LONG_NAMES.get
    count = 0
    if len(lines[0]) > limits.max_line_chars:
        fault = MalformedMessage(f"over {limits.max_line_chars} characters", where="start line", status=414)
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = known(name)
        if key is None or not colon or len(line) > limits.max_line_chars:
            if line[:1] in (" ", "\t") and line is not lines[1]:
                return _parse_lines(_unfold(lines), body, limits, fault)
            key, flaw = _examine(line, name, colon, limits)
            fault = fault or flaw
            if key is None:
                continue
        count += 1
        if count > limits.max_fields:
            fault = fault or MalformedMessage(f"over {limits.max_fields} header fields")
            break
        value = value.strip(BLANK)
        if key in values:
            values[key].append(value)
            if key in SINGLE_VALUED:
                fault = fault or MalformedMessage("header field stands twice", where=key)
        else:
            values[key] = [value]
    return _assemble(lines[0], values, body, fault)


def _examine(line: str, name: str, colon: str, limits: Limits) -> tuple[str | None, MalformedMessage | None]:
    """Header name (None: skip the line) and fault of a line that is out of the ordinary."""
    if len(line) > limits.max_line_chars:
        return None, MalformedMessage(f"a line is over {limits.max_line_chars} characters", where="header")
    try:
        return fold_name(name if colon else ""), None
    except ValueError:
        return None, MalformedMessage(f"not a header field: {excerpt(line)}", where="header")


def _assemble(
    start: str, values: dict[str, list[str]], body: bytes, fault: MalformedMessage | None
) -> Request | Response:
    """Make the message from its parts, after the checks that span several of them."""
    lengths = values.pop("content-length", None)
    if start[:8].upper() == "SIP/2.0 ":
        message: Request | Response = _parse_status_line(start)
    else:
        message, start_fault = _parse_request_line(start)
        fault = start_fault or fault
    message.headers = Headers.adopt(values)
    message.body = body
    if fault is None:
        fault = _find_fault(message, values)
    if lengths is not None and fault is None:
        fault = _cut_body(message, lengths[0])
    if fault is not None:
        fault.request = _answerable(message)
        raise fault
    return message


def _find_fault(message: Request | Response, values: dict[str, list[str]]) -> MalformedMessage | None:
    for name in _MANDATORY:
        if name not in values:
            return MalformedMessage("mandatory header field is missing", where=name)
    if isinstance(message, Request):
        try:
            cseq = message.cseq
        except MalformedHeader as error:
            return error
        if cseq.method != message.method:  # RFC 3261 §8.1.1.5
            return MalformedMessage(f"CSeq says {excerpt(cseq.method)}", where="cseq")
    return None


def _cut_body(message: Message, length: str) -> MalformedMessage | None:
    """Apply Content-Length (RFC 3261 §18.3)."""
    try:
        size = parse_digits(length, 2**31)
    except MalformedHeader as error:
        return MalformedMessage(error.reason, where="content-length")
    have = len(message.body)
    if size > have:
        return MalformedMessage(f"promises {size} bytes, {have} came", where="content-length")
    if size < have:
        message.body = message.body[:size]
    return None


def _parse_status_line(line: str) -> Response:
    """Response with its status line (RFC 3261 §7.2); a reason phrase may be empty (RFC 4475 §3.1.1.13)."""
    code, _, reason = line[8:].partition(" ")
    if len(code) != 3 or not (code.isascii() and code.isdigit()) or not "1" <= code[0] <= "6":
        raise MalformedMessage(f"no such status: {excerpt(line)}", where="status line")
    return Response(int(code), reason)


def _parse_request_line(line: str) -> tuple[Request, MalformedMessage | None]:
    """Request with its request line and what is wrong with it (RFC 3261 §7.1)."""
    method, _, rest = line.partition(" ")
    uri_text, _, version = rest.rpartition(" ")
    fault: MalformedMessage | None = None
    uri: AnyUri = OpaqueUri(scheme="", rest=uri_text)
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        fault = _judge_version(line, version)
    else:
        try:
            uri = parse_uri(uri_text)
        except MalformedHeader as error:
            fault = MalformedMessage(error.reason, where="Request-URI")
        if isinstance(uri, SipUri) and uri.headers:  # RFC 3261 §19.1.1, table 1
            fault = MalformedMessage("headers are not allowed here", where="Request-URI")
    if method not in _METHODS and not is_token(method):
        raise MalformedMessage(f"not a start line: {excerpt(line)}", where="start line")
    return Request(method, uri), fault


def _judge_version(line: str, version: str) -> MalformedMessage:
    """505 for another SIP version (RFC 3261 §21.5.6), 400 for the rest."""
    name, slash, number = version.upper().partition("/")
    if name == "SIP" and slash and number and not number.strip("0123456789."):
        return MalformedMessage(f"version {excerpt(version)} is not SIP/2.0", where="start line", status=505)
    return MalformedMessage(f"not a start line: {excerpt(line)}", where="start line")


def _answerable(message: Message) -> Request | None:
    """The message, when it is a request that has a Via to answer along, and fields that an answer can repeat."""
    if not isinstance(message, Request) or "via" not in message.headers:
        return None
    for name in _MANDATORY:
        for value in message.headers.get_all(name):
            if "\r" in value or "\n" in value or "\0" in value.replace("\\\0", ""):
                return None
    return message


def _unfold(lines: list[str]) -> list[str]:
    """Join continuation lines with one blank (RFC 3261 §7.3.1)."""
    unfolded = lines[:2]
    parts: list[str] = []
    for line in lines[2:]:
        if line[:1] in (" ", "\t"):
            parts.append(line.strip(BLANK))
            continue
        if parts:
            unfolded[-1] = " ".join([unfolded[-1].rstrip(BLANK), *parts])
            parts.clear()
        unfolded.append(line)
    if parts:
        unfolded[-1] = " ".join([unfolded[-1].rstrip(BLANK), *parts])
    return unfolded

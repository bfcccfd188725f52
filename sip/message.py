"""SIP messages: requests and responses whose header fields are parsed when first asked for (RFC 3261 §7)."""

from __future__ import annotations

from typing import Any, Final, cast

from sip.errors import LocalError, MalformedHeader
from sip.field import FIELD_PARSERS, VITAL_FIELDS
from sip.grammar import excerpt, is_token
from sip.header import (
    CSeq,
    MediaType,
    Parameterised,
    RAck,
    Reason,
    RetryAfter,
    Warning,
)
from sip.header_name import wire_prefix
from sip.headers import Headers
from sip.name_addr import NameAddr
from sip.uri import AnyUri
from sip.via import Via

_VITAL_PARSERS: Final = {name: FIELD_PARSERS[name] for name in VITAL_FIELDS}
_MANDATORY: Final = ("via", "from", "to", "call-id", "cseq")


class Message:
    """What requests and responses share.

    Each property parses its header field at the first use, remembers the result until the field changes, and
    raises MalformedHeader when the peer sent nonsense there. Optional fields give None or ().
    """

    __slots__ = ("body", "headers")

    headers: Headers
    body: bytes

    def _read(self, name: str) -> Any:
        headers = self.headers
        try:
            return headers._parsed[name]
        except KeyError:
            pass
        try:
            return headers.parsed(name, FIELD_PARSERS[name])
        except MalformedHeader as error:
            error.request = self if isinstance(self, Request) else None
            raise

    def supports(self, tag: str) -> bool:
        """Whether Supported or Require names an option tag (RFC 3261 §20.37); a garbled field names none."""
        headers = self.headers
        if "supported" not in headers and "require" not in headers:
            return False
        try:
            return tag in self.supported or tag in self.require
        except MalformedHeader:
            return False

    def check(self) -> None:
        """Parse every field that the stack acts on, so that none of them can raise later."""
        headers = self.headers
        parsed = headers._parsed
        try:
            for name, rows in headers._values.items():
                if name in _VITAL_PARSERS and name not in parsed:
                    parsed[name] = _VITAL_PARSERS[name](rows)
        except MalformedHeader as error:
            error.where = wire_prefix(name)[:-2]
            error.request = self if isinstance(self, Request) else None
            raise
        for name in _MANDATORY:
            if name not in parsed:
                self._read(name)

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return cast(str, self._read("call-id"))

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        return cast(CSeq, self._read("cseq"))

    @property
    def vias(self) -> tuple[Via, ...]:
        """All Via elements, topmost first; never empty."""
        return cast("tuple[Via, ...]", self._read("via"))

    @property
    def top_via(self) -> Via:
        """The topmost Via element."""
        return cast(Via, self._read("via")[0])

    @property
    def from_(self) -> NameAddr:
        """From."""
        return cast(NameAddr, self._read("from"))

    @property
    def to(self) -> NameAddr:
        """To."""
        return cast(NameAddr, self._read("to"))

    @property
    def from_tag(self) -> str | None:
        """Tag of From; None from RFC 2543 elements."""
        return self.from_.tag

    @property
    def to_tag(self) -> str | None:
        """Tag of To; None outside dialogs."""
        return self.to.tag

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Contact addresses; () when absent and for `*`."""
        return cast("tuple[NameAddr, ...]", self._read("contact"))

    @property
    def contact_is_star(self) -> bool:
        """Whether Contact is the lone `*` of RFC 3261 §10.2.2."""
        return self.headers.get("contact") == "*"

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """Route, topmost first."""
        return cast("tuple[NameAddr, ...]", self._read("route"))

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Record-Route, topmost first."""
        return cast("tuple[NameAddr, ...]", self._read("record-route"))

    @property
    def path(self) -> tuple[NameAddr, ...]:
        """Path (RFC 3327)."""
        return cast("tuple[NameAddr, ...]", self._read("path"))

    @property
    def asserted_identities(self) -> tuple[NameAddr, ...]:
        """P-Asserted-Identity (RFC 3325)."""
        return cast("tuple[NameAddr, ...]", self._read("p-asserted-identity"))

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0..255."""
        return cast("int | None", self._read("max-forwards"))

    @property
    def expires(self) -> int | None:
        """Expires in seconds."""
        return cast("int | None", self._read("expires"))

    @property
    def min_expires(self) -> int | None:
        """Min-Expires in seconds."""
        return cast("int | None", self._read("min-expires"))

    @property
    def content_type(self) -> MediaType | None:
        """Content-Type."""
        return cast("MediaType | None", self._read("content-type"))

    @property
    def require(self) -> tuple[str, ...]:
        """Require, lower case."""
        return cast("tuple[str, ...]", self._read("require"))

    @property
    def proxy_require(self) -> tuple[str, ...]:
        """Proxy-Require, lower case."""
        return cast("tuple[str, ...]", self._read("proxy-require"))

    @property
    def supported(self) -> tuple[str, ...]:
        """Supported, lower case."""
        return cast("tuple[str, ...]", self._read("supported"))

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Unsupported, lower case."""
        return cast("tuple[str, ...]", self._read("unsupported"))

    @property
    def allow(self) -> tuple[str, ...]:
        """Allow: method names."""
        return cast("tuple[str, ...]", self._read("allow"))

    @property
    def rack(self) -> RAck | None:
        """RAck (RFC 3262)."""
        return cast("RAck | None", self._read("rack"))

    @property
    def rseq(self) -> int | None:
        """RSeq (RFC 3262)."""
        return cast("int | None", self._read("rseq"))

    @property
    def reason_header(self) -> tuple[Reason, ...]:
        """Reason values (RFC 3326)."""
        return cast("tuple[Reason, ...]", self._read("reason"))

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """Warning values."""
        return cast("tuple[Warning, ...]", self._read("warning"))

    @property
    def retry_after(self) -> RetryAfter | None:
        """Retry-After."""
        return cast("RetryAfter | None", self._read("retry-after"))

    @property
    def session_expires(self) -> Parameterised | None:
        """Session-Expires; `.value` is decimal seconds, `.param("refresher")` is uac or uas (RFC 4028)."""
        return cast("Parameterised | None", self._read("session-expires"))

    @property
    def min_se(self) -> Parameterised | None:
        """Min-SE; `.value` is decimal seconds (RFC 4028)."""
        return cast("Parameterised | None", self._read("min-se"))

    @property
    def event(self) -> Parameterised | None:
        """Event package with parameters (RFC 6665)."""
        return cast("Parameterised | None", self._read("event"))

    @property
    def subscription_state(self) -> Parameterised | None:
        """Subscription-State (RFC 6665)."""
        return cast("Parameterised | None", self._read("subscription-state"))

    @property
    def refer_to(self) -> NameAddr | None:
        """Refer-To (RFC 3515)."""
        return cast("NameAddr | None", self._read("refer-to"))

    @property
    def referred_by(self) -> NameAddr | None:
        """Referred-By (RFC 3892)."""
        return cast("NameAddr | None", self._read("referred-by"))

    @property
    def replaces(self) -> Parameterised | None:
        """Replaces; `.value` is the Call-ID, tags by `.param("to-tag")` (RFC 3891)."""
        return cast("Parameterised | None", self._read("replaces"))


class Request(Message):
    """A request; `uri` is the Request-URI."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: AnyUri, headers: Headers | None = None, body: bytes = b"") -> None:
        self.method = method
        self.uri = uri
        self.headers = Headers() if headers is None else headers
        self.body = body

    def encode(self) -> bytes:
        """The bytes of the message with a true Content-Length; raises LocalError."""
        if (self.method.strip("ABCDEFGHIKLMNOPRSTUVY") and not is_token(self.method)) or not self.method:
            raise LocalError(f"method is not a token: {excerpt(self.method)}")
        head = self.headers.encode_after(f"{self.method} {self.uri} SIP/2.0", len(self.body))
        return head + self.body if self.body else head

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Request)
            and self.method == other.method
            and self.uri == other.uri
            and self.headers == other.headers
            and self.body == other.body
        )

    __hash__ = cast(Any, None)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"


class Response(Message):
    """A response; `status` is 100..699."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str = "", headers: Headers | None = None, body: bytes = b"") -> None:
        self.status = status
        self.reason = reason
        self.headers = Headers() if headers is None else headers
        self.body = body

    def encode(self) -> bytes:
        """The bytes of the message with a true Content-Length; raises LocalError."""
        if not 100 <= self.status <= 699:
            raise LocalError(f"status {self.status} is not within 100..699")
        head = self.headers.encode_after(f"SIP/2.0 {self.status} {self.reason}", len(self.body))
        return head + self.body if self.body else head

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Response)
            and self.status == other.status
            and self.reason == other.reason
            and self.headers == other.headers
            and self.body == other.body
        )

    __hash__ = cast(Any, None)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"

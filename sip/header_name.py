"""Header field names: long form, compact form, wire spelling (RFC 3261 §7.3.3, §20)."""

from __future__ import annotations

from typing import Final

from sip.grammar import excerpt, is_token, remember

_WIRE_NAMES: Final = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
    "Answer-Mode", "Authentication-Info", "Authorization", "CSeq", "Call-ID", "Call-Info", "Contact",
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type", "Date",
    "Diversion", "Error-Info", "Event", "Expires", "Feature-Caps", "Flow-Timer", "From", "Geolocation",
    "History-Info", "Identity", "Identity-Info", "In-Reply-To", "Info-Package", "Join", "MIME-Version",
    "Max-Expires", "Max-Forwards", "Min-Expires", "Min-SE", "Organization", "P-Access-Network-Info",
    "P-Answer-State", "P-Asserted-Identity", "P-Associated-URI", "P-Called-Party-ID", "P-Charging-Vector",
    "P-Early-Media", "P-Preferred-Identity", "Path", "Permission-Missing", "Priority", "Privacy",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "RSeq", "Reason", "Record-Route",
    "Recv-Info", "Refer-Sub", "Refer-To", "Referred-By", "Reject-Contact", "Remote-Party-ID", "Replaces",
    "Reply-To", "Request-Disposition", "Require", "Retry-After", "Route", "SIP-ETag", "SIP-If-Match",
    "Security-Client", "Security-Server", "Security-Verify", "Server", "Service-Route", "Session-Expires",
    "Session-ID", "Subject", "Subscription-State", "Supported", "Suppress-If-Match", "Target-Dialog",
    "Timestamp", "To", "Trigger-Consent", "Unsupported", "User-Agent", "User-to-User", "Via",
    "WWW-Authenticate", "Warning",
)  # fmt: skip

COMPACT_FORMS: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

SINGLE_VALUED: Final = frozenset({
    "authentication-info", "call-id", "content-disposition", "content-length", "content-type", "cseq", "date",
    "event", "expires", "from", "max-forwards", "mime-version", "min-expires", "min-se", "rack", "refer-to",
    "referred-by", "replaces", "retry-after", "rseq", "session-expires", "subscription-state", "timestamp",
    "to",
})  # fmt: skip
"""Header fields that may stand only once (RFC 3261 §7.3.1, §20; RFC 4475 §3.3.8)."""

WIRE_PREFIXES: Final = {name.lower(): f"{name}: " for name in _WIRE_NAMES}


def _known_spellings() -> dict[str, str]:
    spellings = dict(COMPACT_FORMS)
    spellings.update({compact.upper(): name for compact, name in COMPACT_FORMS.items()})
    for wire_name in _WIRE_NAMES:
        name = wire_name.lower()
        spellings.update({name: name, wire_name: name, wire_name.title(): name, wire_name.upper(): name})
    return spellings


LONG_NAMES: Final = _known_spellings()
"""Usual spelling on the wire -> long name in lower case; other spellings go through `fold_name`."""


def fold_name(text: str) -> str:
    """Lower-case long name of a header name as it stands before the colon; ValueError when it is no token."""
    name = text.rstrip(" \t")
    if not is_token(name):
        raise ValueError(f"not a header field name: {excerpt(text)}")
    name = name.lower()
    return COMPACT_FORMS.get(name, name)


@remember(1024)
def wire_prefix(name: str) -> str:
    """`Name: ` as printed, for a lower-case name; unknown names in Title-Case."""
    known = WIRE_PREFIXES.get(name)
    return known or "-".join(part.capitalize() for part in name.split("-")) + ": "

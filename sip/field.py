"""Which parser belongs to which header field, and which fields the stack acts on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sip.grammar import parse_tokens
from sip.header import (
    parse_call_id,
    parse_cseq,
    parse_delta_s,
    parse_from_to,
    parse_max_forwards,
    parse_media_type,
    parse_option_tags,
    parse_optional_address,
    parse_optional_parameterised,
    parse_rack,
    parse_reasons,
    parse_retry_after,
    parse_session_expires,
    parse_warnings,
)
from sip.name_addr import parse_contacts, parse_name_addrs
from sip.via import parse_vias

FIELD_PARSERS: Final[dict[str, Callable[[list[str]], object]]] = {
    "allow": parse_tokens,
    "call-id": parse_call_id,
    "contact": parse_contacts,
    "content-type": parse_media_type,
    "cseq": parse_cseq,
    "event": parse_optional_parameterised,
    "expires": parse_delta_s,
    "from": parse_from_to,
    "max-forwards": parse_max_forwards,
    "min-expires": parse_delta_s,
    "min-se": parse_session_expires,
    "p-asserted-identity": parse_name_addrs,
    "path": parse_name_addrs,
    "proxy-require": parse_option_tags,
    "rack": parse_rack,
    "reason": parse_reasons,
    "record-route": parse_name_addrs,
    "refer-to": parse_optional_address,
    "referred-by": parse_optional_address,
    "replaces": parse_optional_parameterised,
    "require": parse_option_tags,
    "retry-after": parse_retry_after,
    "route": parse_name_addrs,
    "rseq": parse_delta_s,
    "session-expires": parse_session_expires,
    "subscription-state": parse_optional_parameterised,
    "supported": parse_option_tags,
    "to": parse_from_to,
    "unsupported": parse_option_tags,
    "via": parse_vias,
    "warning": parse_warnings,
}
"""Long name -> parser of all its rows; the one parser that `Headers.parsed` may be given for that name."""

VITAL_FIELDS: Final = frozenset({
    "call-id", "contact", "content-type", "cseq", "event", "expires", "from", "max-forwards", "min-se",
    "path", "proxy-require", "rack", "record-route", "refer-to", "replaces", "require", "route", "rseq",
    "session-expires", "subscription-state", "supported", "to", "unsupported", "via",
})  # fmt: skip
"""Fields that the stack acts on; a broken one makes the message malformed. The rest only inform people."""

"""Identity: the names that a TLS certificate proves for SIP (RFC 5922 §7), and how long it is good."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final


def proven_names(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The names in a verified peer's certificate, as `ssl` describes it: SIP URIs before DNS names (RFC 5922 §7.1).

    Lower case. A URI with a user part proves a person and no domain; the common name proves nothing.
    """
    rows = [] if not certificate else certificate.get("subjectAltName", ())
    uris = [text.partition(":")[2].lower() for kind, text in rows if kind == "URI" and text.lower().startswith("sip:")]
    domains = [text for text in uris if text and "@" not in text]
    hosts = [text.lower() for kind, text in rows if kind == "DNS"]
    addresses = [text.strip().lower() for kind, text in rows if kind == "IP Address"]
    return (*(domains or hosts), *addresses)


def proves(names: tuple[str, ...], host: str) -> bool:
    """Whether one of the names is the host, in its entirety: no wildcards (RFC 5922 §7.2)."""
    try:
        wanted = ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") in names
    for name in names:
        try:
            if ip_address(name) == wanted:
                return True
        except ValueError:
            continue
    return False


_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


def expiry(pem: str) -> datetime:
    """When the first certificate of a PEM text ends (X.509 §4.1.2.5 of RFC 5280). Raises ValueError."""
    start = pem.find(ssl.PEM_HEADER)
    end = pem.find(ssl.PEM_FOOTER, start)
    if start < 0 or end < 0:
        raise ValueError("no certificate in it")
    data = ssl.PEM_cert_to_DER_cert(pem[start : end + len(ssl.PEM_FOOTER)])
    certificate = _content(data, _SEQUENCE)
    body = _content(certificate, _SEQUENCE)
    if body[:1] == bytes([_VERSION]):
        body = _rest(body)
    for _ in range(3):  # serial number, signature algorithm, issuer
        body = _rest(body)
    until = _rest(_content(body, _SEQUENCE))
    text = _content(until, until[0]).decode("ascii")
    # RFC 5280 §4.1.2.5.1: two digits of the year, 50 and above are of the last century.
    if until[0] == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _span(data: bytes) -> tuple[int, int]:
    """Where the content of the first DER element begins and ends."""
    if len(data) < 2:
        raise ValueError("the certificate is cut off")
    size, at = data[1], 2
    if size & 0x80:
        at = 2 + (size & 0x7F)
        size = int.from_bytes(data[2:at], "big")
    if at + size > len(data):
        raise ValueError("the certificate is cut off")
    return at, at + size


def _content(data: bytes, tag: int) -> bytes:
    start, end = _span(data)
    if data[0] != tag:
        raise ValueError("the certificate is not X.509")
    return data[start:end]


def _rest(data: bytes) -> bytes:
    return data[_span(data)[1] :]

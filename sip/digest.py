"""Digest authentication: challenge, verify, answer (RFC 7616, RFC 8760, RFC 2617, RFC 3261 §22)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sip.errors import LocalError, MalformedHeader
from sip.grammar import BLANK, excerpt, quote, unquote
from sip.nonce import NonceIssuer, NonceVerdict

__all__ = [
    "ALGORITHMS",
    "Challenge",
    "Credentials",
    "NonceIssuer",
    "NonceVerdict",
    "authorization",
    "challenge_headers",
    "choose",
    "find_credentials",
    "ha1",
    "parse_challenge",
    "parse_credentials",
    "verify",
]

MAX_DIRECTIVES: Final = 32
# One directive up to and with its comma. Anchored and possessive, hence linear; three times as fast as str methods.
_DIRECTIVE: Final = re.compile(
    r"""[ \t]*+([-.!%*_+`'~A-Za-z0-9]++)[ \t]*+=[ \t]*+("(?:[^"\\]|\\.)*+"|[^\s",]++)[ \t]*+(?:,|\Z)""", re.DOTALL
)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


ALGORITHMS: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-256": _sha256,
    "SHA-512-256": _sha512_256,
    "MD5": _md5,
}
"""Algorithm name -> hexadecimal hash, strongest choice first (RFC 8760 §2.1). Each also exists as `-sess`."""

_SESSION_SUFFIX: Final = "-sess"
_BY_UPPER: Final = {(name + suffix).upper(): name + suffix for name in ALGORITHMS for suffix in ("", _SESSION_SUFFIX)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What Authorization or Proxy-Authorization says; texts are decoded, '' where a directive is absent.

    `nc` is the eight hexadecimal digits as sent; `algorithm` is a known name, or the unknown one as sent.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    cnonce: str = ""
    nc: str = ""
    qop: str = ""
    opaque: str = ""

    @property
    def nonce_count(self) -> int:
        """`nc` as a number; 0 without qop."""
        return int(self.nc, 16) if self.nc else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What one WWW-Authenticate or Proxy-Authenticate row asks for; `qop` holds all that is offered."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False


def ha1(user: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """H(user:realm:password) in hexadecimal, the stored secret of an account; same for `-sess`."""
    return _hash_of(algorithm)(_bytes(f"{user}:{realm}:{password}"))


def _hash_of(algorithm: str) -> Callable[[bytes], str]:
    function = ALGORITHMS.get(algorithm.removesuffix(_SESSION_SUFFIX))
    if function is None:
        raise LocalError(f"digest algorithm {excerpt(algorithm)} is none of {', '.join(ALGORITHMS)}")
    return function


def _bytes(text: str) -> bytes:
    """UTF-8, where invalid bytes that came off the wire go back as they were."""
    return text.encode("utf-8", "surrogateescape")


def challenge_headers(
    realm: str, nonce: str, algorithms: Iterable[str], stale: bool = False, opaque: str = ""
) -> list[str]:
    """One header value per algorithm, in the order of preference, with qop="auth" (RFC 8760 §2.3)."""
    extra = f", opaque={quote(opaque)}" if opaque else ""
    if stale:
        extra += ", stale=true"
    rows: list[str] = []
    for algorithm in algorithms:
        _hash_of(algorithm)
        rows.append(f'Digest realm={quote(realm)}, nonce={quote(nonce)}, algorithm={algorithm}, qop="auth"{extra}')
    return rows


def parse_credentials(value: str) -> Credentials:
    """Parse an Authorization value; raises MalformedHeader, also for schemes other than Digest.

    With qop, cnonce and an eight-digit nc must be there; without it (RFC 2069 form) nc is not looked at.
    """
    found = _parse_directives(value, "Authorization")
    for name in ("username", "realm", "nonce", "uri", "response"):
        if name not in found:
            raise MalformedHeader(f"digest directive {name} is missing", where="Authorization")
    qop = found.get("qop", "").lower()
    nc = found.get("nc", "").lower() if qop else ""
    if qop and (len(nc) != 8 or nc.strip("0123456789abcdef")):
        raise MalformedHeader(f"nc is not eight hexadecimal digits: {excerpt(nc)}", where="Authorization")
    if qop and not found.get("cnonce"):
        raise MalformedHeader("digest directive cnonce is missing", where="Authorization")
    return Credentials(
        username=found["username"],
        realm=found["realm"],
        nonce=found["nonce"],
        uri=found["uri"],
        response=found["response"].lower(),
        algorithm=_known_algorithm(found),
        cnonce=found.get("cnonce", ""),
        nc=nc,
        qop=qop,
        opaque=found.get("opaque", ""),
    )


def find_credentials(values: Iterable[str], realm: str) -> Credentials | None:
    """The first Digest credentials for `realm` among the rows of Authorization; None when there are none.

    Rows of other schemes and realms are skipped (RFC 4475 §3.3.7, RFC 3261 §22.3); a broken Digest row raises
    MalformedHeader.
    """
    for value in values:
        if value[:7].lower() == "digest ":
            credentials = parse_credentials(value)
            if credentials.realm == realm:
                return credentials
    return None


def parse_challenge(value: str) -> Challenge:
    """Parse one WWW-Authenticate or Proxy-Authenticate row; raises MalformedHeader."""
    found = _parse_directives(value, "WWW-Authenticate")
    if "realm" not in found or "nonce" not in found:
        raise MalformedHeader("digest directive realm or nonce is missing", where="WWW-Authenticate")
    offered = tuple(option.strip(BLANK).lower() for option in found.get("qop", "").split(",") if option.strip())
    return Challenge(
        realm=found["realm"],
        nonce=found["nonce"],
        algorithm=_known_algorithm(found),
        qop=offered,
        opaque=found.get("opaque"),
        stale=found.get("stale", "").lower() == "true",
    )


def _known_algorithm(found: dict[str, str]) -> str:
    sent = found.get("algorithm", "MD5")
    return _BY_UPPER.get(sent.upper(), sent)


def _parse_directives(value: str, where: str) -> dict[str, str]:
    """Lower-case directive -> decoded value; one that comes twice is refused, since readers would differ."""
    scheme, _, rest = value.strip(BLANK).partition(" ")
    if scheme.lower() != "digest":
        raise MalformedHeader(f"authentication scheme {excerpt(scheme)} is not Digest", where=where)
    found: dict[str, str] = {}
    position, end = 0, len(rest)
    while position < end:
        match = _DIRECTIVE.match(rest, position)
        if match is None:
            raise MalformedHeader(f"not a directive: {excerpt(rest[position:])}", where=where)
        name, text = match.groups()
        name = name.lower()
        if name in found or len(found) == MAX_DIRECTIVES:
            raise MalformedHeader(f"directive {name} twice, or over {MAX_DIRECTIVES}", where=where)
        found[name] = unquote(text)
        position = match.end()
    return found


def verify(credentials: Credentials, method: str, ha1_hex: str, body: bytes = b"") -> bool:
    """Whether the response matches the stored `ha1_hex`, compared in constant time.

    `ha1_hex` must belong to `credentials.algorithm`. False for unknown algorithms and qop values. The caller
    checks nonce, realm and that `credentials.uri` names the target of the request.
    """
    if credentials.algorithm not in _BY_UPPER.values() or credentials.qop not in ("", "auth", "auth-int"):
        return False
    expected = _response(credentials, method, ha1_hex, body)
    return hmac.compare_digest(expected.encode(), _bytes(credentials.response))


def _response(credentials: Credentials, method: str, ha1_hex: str, body: bytes) -> str:
    """The request-digest of RFC 7616 §3.4.1; without qop that of RFC 2069."""
    digest = _hash_of(credentials.algorithm)
    if credentials.algorithm.endswith(_SESSION_SUFFIX):
        ha1_hex = digest(_bytes(f"{ha1_hex}:{credentials.nonce}:{credentials.cnonce}"))
    a2 = f"{method}:{credentials.uri}"
    if credentials.qop == "auth-int":
        a2 += ":" + digest(body)
    ha2 = digest(_bytes(a2))
    if not credentials.qop:
        return digest(_bytes(f"{ha1_hex}:{credentials.nonce}:{ha2}"))
    middle = f"{credentials.nonce}:{credentials.nc}:{credentials.cnonce}:{credentials.qop}"
    return digest(_bytes(f"{ha1_hex}:{middle}:{ha2}"))


def choose(challenges: Sequence[Challenge], algorithms: Sequence[str] = tuple(ALGORITHMS)) -> Challenge | None:
    """The first challenge that we can answer: the server's order rules (RFC 8760 §2.4).

    `algorithms` are those allowed, `-sess` forms follow their base. None when nothing fits.
    """
    for challenge in challenges:
        usable_qop = not challenge.qop or "auth" in challenge.qop or "auth-int" in challenge.qop
        if usable_qop and challenge.algorithm.removesuffix(_SESSION_SUFFIX) in algorithms:
            return challenge
    return None


def authorization(
    challenge: Challenge,
    method: str,
    uri: str,
    user: str,
    password: str,
    nc: int,
    cnonce: str,
    body: bytes = b"",
) -> str:
    """Value of the Authorization row that answers `challenge`; raises LocalError on what cannot be said.

    `nc` counts the requests with this nonce from 1; `cnonce` is fresh randomness of the caller.
    """
    qop = ""
    if challenge.qop:
        qop = "auth" if "auth" in challenge.qop else "auth-int"
        if qop not in challenge.qop:
            raise LocalError(f"qop {', '.join(challenge.qop)} is neither auth nor auth-int")
    credentials = Credentials(
        username=user,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        cnonce=cnonce,
        nc=f"{nc:08x}",
        qop=qop,
    )
    secret = ha1(user, challenge.realm, password, challenge.algorithm)
    parts = [
        f"Digest username={quote(user)}, realm={quote(challenge.realm)}, nonce={quote(challenge.nonce)}",
        f"uri={quote(uri)}, response={quote(_response(credentials, method, secret, body))}",
        f"algorithm={challenge.algorithm}",
    ]
    if qop:
        parts.append(f"cnonce={quote(cnonce)}, qop={qop}, nc={credentials.nc}")
    elif challenge.algorithm.endswith(_SESSION_SUFFIX):
        parts.append(f"cnonce={quote(cnonce)}")
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    return ", ".join(parts)

"""Authenticator: digest challenges and their verdicts, the same for users that exist and users that do not."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pbx.clock import Clock
from pbx.events import AuthenticationFailed
from pbx.journal import Journal
from pbx.tenant import TenantView
from sip.digest import Credentials, challenge_headers, ha1, parse_credentials, verify
from sip.errors import MalformedHeader
from sip.flow import Flow
from sip.message import Request
from sip.nonce import NonceIssuer, NonceVerdict
from sip.uri import AnyUri, SipUri, parse_uri

if TYPE_CHECKING:
    from pbx.snapshot import DeviceSnapshot

FALLBACK_ALGORITHMS = ("SHA-256", "MD5")
MAX_COUNTED = 10_000
TOLD_AT_ONCE = 100
TOLD_PER_S = 5.0
"""Failures that are written down: so many at once, then so many per second; all are counted."""
MAX_USER_CHARS = 64
"""How much of a refused user name is kept: it may be as long as a header field."""


class Cause(Enum):
    """Why credentials were refused; the peer is never told which."""

    NONE_GIVEN = "no credentials"
    UNKNOWN_USER = "unknown user"
    WRONG_PASSWORD = "wrong password"
    STALE = "stale nonce"
    REPLAY = "nonce used before"
    FOREIGN = "nonce not ours"
    MALFORMED = "malformed credentials"
    ALGORITHM = "digest algorithm not allowed"
    OTHER_TARGET = "credentials for another target"
    DISABLED = "device disabled"
    SOURCE = "source not allowed"


# The password was right, only the nonce was not (RFC 7616 §3.3): the phone is to try again without asking its user.
# Not ours are also the nonces of this server before its last start, and those of a phone whose address has changed.
_STALE = frozenset({Cause.STALE, Cause.FOREIGN})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`device` where the credentials are right; else the headers of the 401 that asks (again)."""

    device: DeviceSnapshot | None
    challenge: tuple[tuple[str, str], ...] = ()
    cause: Cause | None = None


class Authenticator:
    """Checks requests of devices (RFC 3261 §22, RFC 8760)."""

    def __init__(self, *, secret: bytes, clock: Clock, journal: Journal) -> None:
        self._nonces = NonceIssuer(secret)
        self._clock = clock
        self._journal = journal
        self._failures: OrderedDict[tuple[str, str], int] = OrderedDict()
        # Compared against where the user is unknown, so that the answer takes the same time.
        self._nobody = {
            name: ha1("nobody", "nowhere", secret.hex(), name) for name in ("MD5", "SHA-256", "SHA-512-256")
        }
        self._allowance = float(TOLD_AT_ONCE)
        self._told_at = clock.now()
        self.failures = 0
        """Refused credentials since the start."""

    def check(self, request: Request, tenant: TenantView | None, realm: str, flow: Flow) -> Verdict:
        """Judge a request. `tenant` None is a domain that is not ours: it is challenged like any other."""
        algorithms = tenant.digest_algorithms if tenant is not None else FALLBACK_ALGORITHMS
        credentials = self._credentials(request, realm)
        if isinstance(credentials, Cause):
            return self._challenge(realm, algorithms, flow, credentials)
        device = tenant.device_of(credentials.username) if tenant is not None else None
        algorithm = credentials.algorithm.removesuffix("-sess")
        # The challenge is the tenant's, so that it does not show whether the device exists; this narrows it.
        allowed = device is not None and algorithm in device.digest_algorithms
        secret = device.ha1.get((credentials.username, algorithm)) if device is not None else None
        right = verify(credentials, request.method, secret or self._nobody.get(algorithm, ""), request.body)
        if device is None or secret is None:
            return self._refuse(credentials, tenant, realm, algorithms, flow, Cause.UNKNOWN_USER)
        if not right:
            return self._refuse(credentials, tenant, realm, algorithms, flow, Cause.WRONG_PASSWORD)
        if not allowed:
            return self._refuse(credentials, tenant, realm, algorithms, flow, Cause.ALGORITHM)
        if not _same_target(credentials.uri, request.uri):
            return self._refuse(credentials, tenant, realm, algorithms, flow, Cause.OTHER_TARGET)
        verdict = self._nonces.check(credentials.nonce, flow.remote[0], credentials.nonce_count, self._clock.now())
        if verdict is NonceVerdict.STALE:
            return self._challenge(realm, algorithms, flow, Cause.STALE)
        if verdict is not NonceVerdict.OK:
            cause = Cause.REPLAY if verdict is NonceVerdict.REPLAY else Cause.FOREIGN
            return self._challenge(realm, algorithms, flow, cause)
        if not device.allows(flow.remote[0]):
            return self._refuse(credentials, tenant, realm, algorithms, flow, Cause.SOURCE)
        self._failures.pop((flow.remote[0], credentials.username[:MAX_USER_CHARS]), None)
        return Verdict(device)

    def _credentials(self, request: Request, realm: str) -> Credentials | Cause:
        """The credentials for our realm among those that the request carries."""
        found: Cause = Cause.NONE_GIVEN
        for value in request.headers.get_all("authorization"):
            try:
                credentials = parse_credentials(value)
            except MalformedHeader:
                found = Cause.MALFORMED
                continue
            if credentials.realm == realm:
                return credentials
        return found

    def _challenge(self, realm: str, algorithms: tuple[str, ...], flow: Flow, cause: Cause) -> Verdict:
        nonce = self._nonces.issue(flow.remote[0], self._clock.now())
        rows = challenge_headers(realm, nonce, algorithms, stale=cause in _STALE)
        return Verdict(None, tuple(("www-authenticate", row) for row in rows), cause)

    def _refuse(
        self,
        credentials: Credentials,
        tenant: TenantView | None,
        realm: str,
        algorithms: tuple[str, ...],
        flow: Flow,
        cause: Cause,
    ) -> Verdict:
        """Wrong credentials: counted, written down at counts that double, and challenged anew."""
        self.failures += 1
        user = credentials.username[:MAX_USER_CHARS]
        key = (flow.remote[0], user)
        count = self._failures.pop(key, 0) + 1
        self._failures[key] = count
        if len(self._failures) > MAX_COUNTED:
            self._failures.popitem(last=False)
        if count & (count - 1) == 0 and self._may_tell():
            self._journal.emit(
                AuthenticationFailed(
                    tenant=None if tenant is None else tenant.key,
                    source=flow.source,
                    user=user,
                    cause=cause.value,
                    count=count,
                )
            )
        return self._challenge(realm, algorithms, flow, cause)

    def _may_tell(self) -> bool:
        """Whether one more failure is written down: whoever invents names must not fill the disk with them."""
        now = self._clock.now()
        self._allowance = min(float(TOLD_AT_ONCE), self._allowance + (now - self._told_at) * TOLD_PER_S)
        self._told_at = now
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True


def _same_target(signed: str, uri: AnyUri) -> bool:
    """Whether credentials were made for a Request-URI (RFC 7616 §3.4.6), as far as SIP lets one tell.

    RFC 3261 §22.4 item 6 allows both to differ: an outbound proxy writes another host, phones leave out ports and
    parameters or sign the bare domain. Two different users are another matter: whoever caught credentials for one
    number must not call another with them.
    """
    if signed == str(uri):
        return True
    try:
        named = parse_uri(signed)
    except MalformedHeader:
        return False
    if not isinstance(named, SipUri) or not isinstance(uri, SipUri):
        return named == uri
    return not named.user or not uri.user or named.user.partition(";")[0] == uri.user.partition(";")[0]

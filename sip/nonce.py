"""Server nonces that carry their own proof, and the count of their uses (RFC 7616 §3.3, §5.4)."""

from __future__ import annotations

import enum
import hmac
from base64 import urlsafe_b64encode
from collections import OrderedDict
from typing import Final

from sip.errors import LocalError

MAX_TRACKED: Final = 65_536
WINDOW: Final = 64
_MAC_CHARS: Final = 22


class NonceVerdict(enum.Enum):
    """What became of a nonce: fine; ours but too old; used before with this count; not ours."""

    OK = "ok"
    STALE = "stale"
    REPLAY = "replay"
    FOREIGN = "foreign"


class NonceIssuer:
    """Makes and checks nonces without storing those that were never used.

    A nonce is its issue time, a serial number and an HMAC over both and the source it was made for. Only used
    nonces take memory: the highest count seen and a bit window of WINDOW counts below it, so requests that
    overtake each other pass and repeated ones do not. When `max_tracked` nonces are in use, the oldest is
    retired: everything issued up to its time becomes STALE, so a replay can never slip through.
    """

    def __init__(self, secret: bytes, lifetime_s: float = 300.0, max_tracked: int = MAX_TRACKED) -> None:
        if len(secret) < 16:
            raise LocalError("a nonce secret needs at least 16 bytes")
        self.lifetime_s = lifetime_s
        self._secret = secret
        self._max_tracked = max_tracked
        self._serial = 0
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._retired_up_to_ms = -1

    def issue(self, source: str, now: float) -> str:
        """A fresh nonce for `source` (an address, say); `now` in seconds on any clock, the same for check."""
        self._serial = (self._serial + 1) & 0xFFFFFFFF
        lead = f"{int(now * 1000):012x}{self._serial:08x}"
        return lead + self._mac(lead, source)

    def check(self, nonce: str, source: str, nc: int, now: float) -> NonceVerdict:
        """Judge a nonce and mark its count as used; call it only after the digest itself was right.

        `nc` is 0 for clients without qop: each nonce then works once. STALE and FOREIGN mean: challenge
        again with stale=true, for the digest was right; REPLAY: challenge again without (RFC 7616 §3.3).
        """
        lead = nonce[:20]
        if len(nonce) != 20 + _MAC_CHARS or not nonce.isascii():
            return NonceVerdict.FOREIGN
        if not hmac.compare_digest(self._mac(lead, source), nonce[20:]):
            return NonceVerdict.FOREIGN
        issued_ms = int(lead[:12], 16)
        age_s = now - issued_ms / 1000
        if not -1.0 <= age_s <= self.lifetime_s or issued_ms <= self._retired_up_to_ms:
            return NonceVerdict.STALE
        return self._mark(lead, nc, now)

    def _mark(self, lead: str, nc: int, now: float) -> NonceVerdict:
        highest, window = self._seen.get(lead, (-1, 0))
        if nc > highest:
            window = ((window << min(nc - highest, WINDOW)) | 1) & ((1 << WINDOW) - 1)
            highest = nc
        else:
            bit = 1 << (highest - nc) if highest - nc < WINDOW else 0
            if not bit or window & bit:
                return NonceVerdict.REPLAY
            window |= bit
        self._seen[lead] = (highest, window)
        self._forget(now)
        return NonceVerdict.OK

    def _forget(self, now: float) -> None:
        """Drop expired nonces from the front; retire living ones when there are too many."""
        seen = self._seen
        while seen:
            oldest = next(iter(seen))
            issued_ms = int(oldest[:12], 16)
            expired = now - issued_ms / 1000 > self.lifetime_s
            if not expired and len(seen) <= self._max_tracked:
                return
            del seen[oldest]
            if not expired:
                self._retired_up_to_ms = max(self._retired_up_to_ms, issued_ms)

    def _mac(self, lead: str, source: str) -> str:
        message = f"{lead}|{source}".encode("utf-8", "surrogateescape")
        return urlsafe_b64encode(hmac.digest(self._secret, message, "sha256"))[:_MAC_CHARS].decode()

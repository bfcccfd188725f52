"""Token book: the tokens of the API in memory, and what a text presented as one is worth."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from admin_api.identity import Identity
from admin_api.secret_text import hash_of, id_of

if TYPE_CHECKING:
    from pbx.snapshot import TokenSnapshot

COARSE_MS = 60_000
"""The last use of a token is noted once a minute."""
MOST_TOKENS = 10_000
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text opens nothing: `malformed`, `unknown`, `expired`, `address`. `token` is its id where it is known."""

    cause: str
    token: str | None


class TokenBook:
    """Checks tokens, and remembers when each was used."""

    def __init__(self) -> None:
        self._used_ms: OrderedDict[str, int] = OrderedDict()
        self._new_ms: dict[str, int] = {}

    def last_used_ms(self, token: str) -> int | None:
        """UTC milliseconds, a minute coarse; None: never, as far as is known."""
        return self._used_ms.get(token)

    def remember(self, uses: Mapping[str, int]) -> None:
        """What was noted before this process began."""
        for token, at_ms in sorted(uses.items(), key=lambda one: one[1]):
            if at_ms > self._used_ms.get(token, 0):
                self._used_ms[token] = at_ms
        self._cut()

    def take_new(self) -> dict[str, int]:
        """Uses since this was asked last, to be written down."""
        found, self._new_ms = self._new_ms, {}
        return found

    def give_back(self, uses: Mapping[str, int]) -> None:
        """They could not be written: they are new still."""
        self._new_ms = {**uses, **self._new_ms}

    def _cut(self) -> None:
        while len(self._used_ms) > MOST_TOKENS:
            self._used_ms.popitem(last=False)

    def check(self, text: str, address: str, now_ms: int, tokens: Mapping[str, TokenSnapshot]) -> Identity | Refusal:
        """Who presents a text from an address, at a UTC time; `tokens` are those that live, by id."""
        name = id_of(text)
        if name is None:
            return Refusal("malformed", None)
        token = tokens.get(name)
        # Compared even where there is nothing to compare with: the time taken says nothing about which ids exist.
        right = hmac.compare_digest(hash_of(text), _NOBODY if token is None else token.sha256)
        if token is None or not right:
            return Refusal("unknown", None)
        if token.expires_at_ms is not None and token.expires_at_ms <= now_ms:
            return Refusal("expired", name)
        if not allows(token, address):
            return Refusal("address", name)
        if now_ms - self._used_ms.get(name, 0) >= COARSE_MS:
            self._new_ms[name] = self._used_ms[name] = now_ms - now_ms % COARSE_MS
            self._used_ms.move_to_end(name)
            self._cut()
        return Identity(name=f"token {name}", tenant=token.tenant, read_only=token.read_only, token=name)


def allows(token: TokenSnapshot, address: str) -> bool:
    """Whether a token may be used from an address."""
    if not token.allowed_nets:
        return True
    try:
        source = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(source, "ipv4_mapped", None) or source
    return any(mapped in ip_network(net) for net in token.allowed_nets)

"""Nonces: bound to their source, short-lived, each count once."""

from __future__ import annotations

import pytest

from sip.errors import LocalError
from sip.nonce import NonceIssuer, NonceVerdict

SECRET = b"0123456789abcdef"


def make_issuer(max_tracked: int = 1000) -> NonceIssuer:
    return NonceIssuer(SECRET, lifetime_s=300.0, max_tracked=max_tracked)


def test_each_count_passes_once() -> None:
    issuer = make_issuer()
    nonce = issuer.issue("192.0.2.1", 10.0)
    assert issuer.check(nonce, "192.0.2.1", 1, 10.0) is NonceVerdict.OK
    assert issuer.check(nonce, "192.0.2.1", 1, 11.0) is NonceVerdict.REPLAY
    assert issuer.check(nonce, "192.0.2.1", 4, 11.0) is NonceVerdict.OK
    assert issuer.check(nonce, "192.0.2.1", 3, 11.0) is NonceVerdict.OK
    assert issuer.check(nonce, "192.0.2.1", 3, 11.0) is NonceVerdict.REPLAY
    assert issuer.check(nonce, "192.0.2.1", 1, 11.0) is NonceVerdict.REPLAY
    assert issuer.check(nonce, "192.0.2.1", 200, 11.0) is NonceVerdict.OK
    assert issuer.check(nonce, "192.0.2.1", 5, 11.0) is NonceVerdict.REPLAY


def test_without_a_count_it_works_once() -> None:
    issuer = make_issuer()
    nonce = issuer.issue("a", 0.0)
    assert issuer.check(nonce, "a", 0, 0.0) is NonceVerdict.OK
    assert issuer.check(nonce, "a", 0, 0.0) is NonceVerdict.REPLAY


def test_it_ages() -> None:
    issuer = make_issuer()
    nonce = issuer.issue("a", 1000.0)
    assert issuer.check(nonce, "a", 1, 1300.0) is NonceVerdict.OK
    assert issuer.check(nonce, "a", 2, 1300.1) is NonceVerdict.STALE
    assert issuer.check(nonce, "a", 3, 900.0) is NonceVerdict.STALE


def test_it_is_bound_to_its_source_and_secret() -> None:
    issuer = make_issuer()
    nonce = issuer.issue("a", 0.0)
    other = NonceIssuer(SECRET[::-1])
    assert issuer.check(nonce, "b", 1, 0.0) is NonceVerdict.FOREIGN
    assert other.check(nonce, "a", 1, 0.0) is NonceVerdict.FOREIGN
    for forged in ("", "x", nonce[:-1], nonce + "0", "0" + nonce[1:-1] + "!", "é" * len(nonce), "\udc80" * 42):
        assert issuer.check(forged, "a", 1, 0.0) is NonceVerdict.FOREIGN


def test_two_nonces_never_agree() -> None:
    issuer = make_issuer()
    assert len({issuer.issue("a", 0.0) for _ in range(100)}) == 100


def test_memory_is_bounded_and_forgetting_never_lets_a_replay_in() -> None:
    issuer = make_issuer(max_tracked=10)
    nonces = [issuer.issue("a", float(second)) for second in range(30)]
    for nonce in nonces:
        assert issuer.check(nonce, "a", 1, 30.0) is NonceVerdict.OK
    assert len(issuer._seen) == 10
    verdicts = [issuer.check(nonce, "a", 1, 31.0) for nonce in nonces]
    assert verdicts == [NonceVerdict.STALE] * 20 + [NonceVerdict.REPLAY] * 10


def test_expired_nonces_leave() -> None:
    issuer = make_issuer()
    for second in range(5):
        issuer.check(issuer.issue("a", float(second)), "a", 1, 5.0)
    issuer.check(issuer.issue("a", 1000.0), "a", 1, 1000.0)
    assert len(issuer._seen) == 1


def test_short_secrets_are_refused() -> None:
    with pytest.raises(LocalError, match="16 bytes"):
        NonceIssuer(b"short")

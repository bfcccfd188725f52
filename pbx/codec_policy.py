"""Codec policy: what a device or trunk may use when its configuration says nothing, and what always goes along."""

from __future__ import annotations

from functools import lru_cache

# Wideband first; the last three are passed through between two ends that share them, never decoded.
DEFAULT_CODECS = ("opus", "G722", "PCMA", "PCMU", "G729", "GSM", "iLBC")

COMPANIONS = ("telephone-event", "CN")
"""Digits (RFC 4733) and comfort noise (RFC 3389): no codecs, so no policy leaves them out."""


@lru_cache(maxsize=1024)
def policy(codecs: tuple[str, ...]) -> tuple[str, ...]:
    """The names that may be negotiated, preferred first."""
    chosen = codecs or DEFAULT_CODECS
    return (*chosen, *(name for name in COMPANIONS if name not in chosen))

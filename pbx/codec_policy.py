"""Codec policy: the names that a device or trunk may negotiate, from what its configuration lists."""

from __future__ import annotations

from functools import lru_cache

from media.codec import DEFAULT_CODECS

PASS_THROUGH = ("g729", "gsm", "ilbc")
"""Relayed between two ends that share them, never decoded here; part of the default, behind all others."""

COMPANIONS = ("telephone-event", "cn")
"""Digits (RFC 4733) and comfort noise (RFC 3389): no codecs, so no policy leaves them out."""


@lru_cache(maxsize=1024)
def policy(codecs: tuple[str, ...]) -> tuple[str, ...]:
    """Names in lower case, preferred first; nothing listed, or the default list, is the whole default."""
    named = tuple(name.lower() for name in codecs) or DEFAULT_CODECS
    if named == DEFAULT_CODECS:
        named = (*named, *PASS_THROUGH)
    return (*named, *(name for name in COMPANIONS if name not in named))

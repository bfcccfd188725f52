"""Setting values: read from TOML or from the text of the environment, and held to what is allowed.

Each reader and check raises TypeError or ValueError, which say what is wrong with the value and not where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from pbx.speech.voice import voice_of


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"{raw!r} is not text")
    return raw


def _whole(raw: Any) -> int:
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
        return int(raw)
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise TypeError(f"{raw!r} is not a whole number")
    return raw


def _switch(raw: Any) -> bool:
    word = str(raw).strip().lower()
    if word not in ("true", "false"):
        raise TypeError(f"{raw!r} is neither true nor false")
    return word == "true"


def _list(raw: Any) -> tuple[str, ...]:
    items = [item.strip() for item in raw.split(",")] if isinstance(raw, str) else raw
    if not isinstance(items, list) or not items:
        raise TypeError(f"{raw!r} is not a list (in the environment: separated by commas)")
    return tuple(_text(item) for item in items)


def _domains(raw: Any) -> dict[str, tuple[str, ...]]:
    """A table of one file (certificate with its key) or two (certificate, key) by domain."""
    if isinstance(raw, str):
        rows = [item.partition("=") for item in raw.split(",")]
        raw = {name.strip(): files.strip().split(":") for name, _, files in rows}
    if not isinstance(raw, dict):
        raise TypeError(f"{raw!r} is not a table (in the environment: DOMAIN=CERTIFICATE:KEY, separated by commas)")
    domains = {}
    for name, files in raw.items():
        paths = (files,) if isinstance(files, str) else tuple(files) if isinstance(files, list) else ()
        if not name or len(paths) not in (1, 2) or not all(isinstance(path, str) and path for path in paths):
            allowed = "neither one file (certificate with key) nor two (certificate, key)"
            raise TypeError(f"{name!r}: {files!r} is {allowed}")
        domains[name] = paths
    return domains


def _texts(raw: Any) -> dict[str, str]:
    """A table of texts by name."""
    if isinstance(raw, str):
        rows = [item.partition("=") for item in raw.split(",") if item.strip()]
        raw = {name.strip(): text.strip() for name, _, text in rows}
    if not isinstance(raw, dict) or not all(isinstance(text, str) and text for text in raw.values()):
        raise TypeError(f"{raw!r} is not a table of texts (in the environment: NAME=TEXT, separated by commas)")
    return raw


READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    str: _text,
    str | None: lambda raw: _text(raw) or None,
    int: _whole,
    int | None: lambda raw: None if raw == "" else _whole(raw),
    Path | None: lambda raw: Path(_text(raw)) if raw else None,
    Mapping[str, tuple[str, ...]]: _domains,
    Mapping[str, str]: _texts,
    bool: _switch,
    tuple[str, ...]: _list,
    Path: lambda raw: Path(_text(raw)),
}


def _within(low: int, high: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"{value} is not within {low}-{high}")
        return value

    return check


def _one_of(*names: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is not known (allowed: {' | '.join(names)})")
        return value

    return check


def _address(value: str | None) -> str | None:
    if value is not None:
        try:
            ip_address(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an IP address") from None
    return value


def _database_url(value: str | None) -> str | None:
    # Says nothing of the value itself: the password is in it.
    if value is not None and not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("is not like postgresql://user:password@host:5432/name")
    return None if value is None else value.replace("postgres://", "postgresql://", 1)


def _trace_size(value: int) -> int:
    if value and not 16 <= value <= 1 << 20:
        raise ValueError(f"{value} is neither 0 (no trace) nor within 16-{1 << 20}")
    return value


def _voices(value: Mapping[str, str]) -> Mapping[str, str]:
    for text in value.values():
        voice_of(text)
    return value


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        _address(value)
    return values


CHECKS: Final[dict[tuple[str, str], Callable[[Any], Any]]] = {
    ("admission", "max_calls"): _within(0, 1_000_000),
    ("admission", "max_cps"): _within(0, 100_000),
    ("admission", "max_lag_ms"): _within(0, 10_000),
    ("sip", "listen"): _addresses,
    ("sip", "udp_port"): _within(1, 65535),
    ("sip", "tcp_port"): lambda value: None if value is None else _within(0, 65535)(value),
    ("sip", "tls_port"): _within(0, 65535),
    ("sip", "max_connections"): _within(1, 1_000_000),
    ("sip", "connections_per_source"): _within(1, 1_000_000),
    ("sip", "public_address"): _address,
    ("media", "address"): _address,
    ("media", "public_address"): _address,
    ("media", "port_min"): _within(1024, 65534),
    ("media", "port_max"): _within(1025, 65535),
    ("media", "workers"): _within(1, 64),
    ("media", "relay_window_us"): _within(0, 5000),
    ("media", "rtp_timeout_s"): _within(0, 86400),
    ("media", "hold_timeout_s"): _within(0, 86400),
    ("data", "database_url"): _database_url,
    ("log", "level"): _one_of("debug", "info", "warning", "error"),
    ("log", "format"): _one_of("text", "json"),
    ("records", "segment_mb"): _within(1, 1024),
    ("http", "listen"): _address,
    ("http", "requests_per_minute"): _within(0, 1_000_000),
    ("http", "port"): _within(0, 65535),
    ("speech", "voices"): _voices,
    ("trace", "size_mb"): _trace_size,
}

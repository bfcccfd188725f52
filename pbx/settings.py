"""Settings of the process: `cordboard.toml`, overridden by `CORDBOARD_SECTION_KEY` in the environment.

Only sockets, ports, directories and the log live here; what a tenant owns is configuration. A text may
be `file:PATH` or `env:NAME`: the secret is then read from there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, get_type_hints

from pbx.admission import Limits
from pbx.setting_value import CHECKS, READERS

PREFIX: Final = "CORDBOARD_"


class SettingsError(ValueError):
    """A setting is wrong; the text names the file or variable, the key and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSettings:
    """SIP sockets. `listen` are local IP addresses; `public_address` is what others shall see.

    `tcp_port` None: that of UDP; 0: no TCP. TLS listens where there is a certificate and `tls_port` is not 0.
    """

    listen: tuple[str, ...] = ("0.0.0.0",)
    udp_port: int = 5060
    tcp_port: int | None = None
    tls_port: int = 5061
    public_address: str | None = None
    max_connections: int = 10_000
    connections_per_source: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """PEM files. `certificate` with `key` (None: in the same file) is what domains without their own in `domains` show.

    `ca_file`: authorities of peers that we connect to (None: the system's). `client_ca_file`: authorities of peers
    that connect to us and may show a certificate. `insecure_peers`: hosts whose certificate is not checked.
    """

    certificate: Path | None = None
    key: Path | None = None
    domains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ca_file: Path | None = None
    client_ca_file: Path | None = None
    insecure_peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """RTP ports and workers; `relay_window_us` is how long a relay may gather packets (0 = not).

    `rtp_timeout_s` ends a call whose far end sends no sound, `hold_timeout_s` one on hold (0 = never).
    """

    address: str = "0.0.0.0"
    public_address: str | None = None
    port_min: int = 10000
    port_max: int = 29999
    workers: int = 1
    relay_window_us: int = 300
    rtp_timeout_s: int = 60
    hold_timeout_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Where the server keeps everything that it writes; `database_url` None: its database as well (SQLite)."""

    directory: Path = Path("var")
    database_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`level` is debug, info, warning or error; `format` is text or json."""

    level: str = "info"
    format: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSettings:
    """The event spool: size of one segment."""

    segment_mb: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where the API, health and metrics are served; port 0 takes any free one.

    Off loopback it takes `tls_certificate` (PEM, with `tls_key` where the key is another file), or `behind_proxy`: a
    proxy in front speaks TLS, and says in X-Forwarded-For who asks. `requests_per_minute` per token, 0: no limit.
    """

    enabled: bool = True
    listen: str = "127.0.0.1"
    port: int = 8080
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    requests_per_minute: int = 600

    @property
    def on_loopback(self) -> bool:
        """Whether nobody but this machine can connect, and no proxy lets others in."""
        return ip_address(self.listen).is_loopback and not self.behind_proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings:
    """Who speaks prompts and texts: `engine` espeak-ng, pyttsx3, one of an entry point, or none.

    `voices`: language -> voice and words a minute, where another than the manifest's shall speak. `language`: what is
    played where a sound does not exist in the call's own. `prompts`: speak the system's prompts after a start.
    """

    engine: str = "espeak-ng"
    voices: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    prompts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSettings:
    """How much of the disk the trace of SIP messages may take; 0 = no trace."""

    size_mb: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All sections."""

    sip: SipSettings = field(default_factory=SipSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    data: DataSettings = field(default_factory=DataSettings)
    log: LogSettings = field(default_factory=LogSettings)
    records: RecordsSettings = field(default_factory=RecordsSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    admission: Limits = field(default_factory=Limits)


SECTIONS: Final[dict[str, type[Any]]] = {
    "sip": SipSettings,
    "tls": TlsSettings,
    "media": MediaSettings,
    "data": DataSettings,
    "log": LogSettings,
    "records": RecordsSettings,
    "http": HttpSettings,
    "trace": TraceSettings,
    "speech": SpeechSettings,
    "admission": Limits,
}


def on_loopback(settings: Settings) -> Settings:
    """The same settings with every socket on loopback; addresses that are loopback already stay."""
    listen = tuple(one for one in settings.sip.listen if ip_address(one).is_loopback) or ("127.0.0.1",)
    address = settings.media.address if ip_address(settings.media.address).is_loopback else listen[0]
    return replace(
        settings,
        sip=replace(settings.sip, listen=listen, public_address=None),
        media=replace(settings.media, address=address, public_address=None),
    )


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings of the file `path` (None: defaults) and the environment, which wins.

    Raises SettingsError for an unknown section or key, a value that does not fit, an unreadable file.
    """
    found = _read_file(path) if path is not None else {}
    found |= _read_environment(environ)
    values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    places: dict[tuple[str, str], str] = {}
    for (section, key), (raw, place) in found.items():
        values[section][key] = _convert(section, key, _secret(raw, place, environ), place)
        places[section, key] = place
    settings = Settings(**{name: cls(**values[name]) for name, cls in SECTIONS.items()})
    if values["tls"] and settings.tls.certificate is None:
        key = next(iter(values["tls"]))
        raise SettingsError(f"{places['tls', key]}: is of no use without tls.certificate")
    http = settings.http
    if http.tls_key is not None and http.tls_certificate is None:
        raise SettingsError(f"{places['http', 'tls_key']}: is of no use without http.tls_certificate")
    if not ip_address(http.listen).is_loopback and http.tls_certificate is None and not http.behind_proxy:
        raise SettingsError(
            f"{places['http', 'listen']}: {http.listen!r} is not a loopback address: tokens would travel in clear; "
            "set http.tls_certificate, or http.behind_proxy = true where a proxy speaks TLS"
        )
    if settings.media.port_min + 1 > settings.media.port_max:
        place = places.get(("media", "port_min")) or places[("media", "port_max")]
        raise SettingsError(f"{place}: port_min is not below port_max ({settings.media.port_max})")
    return settings


_Found = dict[tuple[str, str], tuple[Any, str]]


def _read_file(path: Path) -> _Found:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from error
    found: _Found = {}
    for section, values in content.items():
        _check_section(section, str(path))
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: {section} must be a section: write [{section}]")
        for key, value in values.items():
            place = f"{path}: {section}.{key}"
            _check_key(section, key, place)
            found[section, key] = (value, place)
    return found


def _read_environment(environ: Mapping[str, str]) -> _Found:
    found: _Found = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX):
            continue
        section, _, key = name.removeprefix(PREFIX).lower().partition("_")
        _check_section(section, name)
        _check_key(section, key, name)
        found[section, key] = (value, name)
    return found


def _check_section(section: str, place: str) -> None:
    if section not in SECTIONS:
        raise SettingsError(f"{place}: there is no section {section!r} (allowed: {' | '.join(SECTIONS)})")


def _check_key(section: str, key: str, place: str) -> None:
    names = [one.name for one in fields(SECTIONS[section])]
    if key not in names:
        raise SettingsError(f"{place}: [{section}] has no key {key!r} (allowed: {' | '.join(names)})")


def _secret(raw: Any, place: str, environ: Mapping[str, str]) -> Any:
    """The value behind a `file:` or `env:` reference."""
    if not isinstance(raw, str):
        return raw
    kind, _, where = raw.partition(":")
    if kind == "env":
        if where not in environ:
            raise SettingsError(f"{place}: the environment has no variable {where!r}")
        return environ[where]
    if kind == "file":
        try:
            return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{place}: secret file {where!r} cannot be read: {error}") from error
    return raw


def _convert(section: str, key: str, raw: Any, place: str) -> Any:
    """The value in its type and within its bounds; text of the environment is read as it needs."""
    check = CHECKS.get((section, key))
    kind = get_type_hints(SECTIONS[section])[key]
    try:
        value = READERS[kind](raw)
        return value if check is None else check(value)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{place}: {error}") from None
